"""Agents and their tokens, on a real file."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from fsapp.calls.agent import Agent
from fsapp.store.agents import AgentExists, Agents, UnknownAgent
from fsapp.store.database import Database

ANN = Agent("ann", "Ann", "user/1101", "supervisor", frozenset({1, 7}))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "agents.db")
    database.open()
    yield database
    database.close()


@pytest.fixture
def agents(database: Database) -> Agents:
    return Agents(database, clock=lambda: 1700000000.9)


def column(database: Database, name: str, agent_id: str = "ann") -> object:
    query = f"SELECT {name} FROM agents WHERE id = ?"
    return database.reader().execute(query, [agent_id]).fetchone()[0]


def test_an_added_agent_is_found_by_id_by_token_and_in_the_list(agents: Agents) -> None:
    token = agents.add(ANN)
    bob = Agent("bob", "Bob", "user/1102")
    agents.add(bob)
    assert agents.get("ann") == agents.by_token(token) == ANN
    assert agents.all() == [ANN, bob]
    assert agents.get("eve") is None


def test_tokens_have_256_bits_and_only_their_hash_is_kept(
    agents: Agents, database: Database
) -> None:
    token = agents.add(ANN)
    assert len(token) >= 43
    assert column(database, "token_hash") == sha256(token.encode()).hexdigest()
    assert token not in "\n".join(database.reader().iterdump())


@pytest.mark.parametrize("token", ["", "x", "ann", "\ud800", "x" * 10000, "' OR 1=1 --"])
def test_what_is_nobodys_token_finds_nobody(agents: Agents, token: str) -> None:
    agents.add(ANN)
    assert agents.by_token(token) is None


def test_the_hash_is_not_a_token(agents: Agents) -> None:
    assert agents.by_token(sha256(agents.add(ANN).encode()).hexdigest()) is None


def test_the_last_word_on_a_token_has_a_comparison_in_constant_time(
    agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index is asked for a hash, of which nobody can steer a part; then both are compared."""
    token = agents.add(ANN)
    compared: list[tuple[object, ...]] = []

    def refuse(*hashes: object) -> bool:
        compared.append(hashes)
        return False

    monkeypatch.setattr("fsapp.store.agents.hmac.compare_digest", refuse)
    assert agents.by_token(token) is None
    assert compared == [(sha256(token.encode()).hexdigest(),) * 2]


def test_an_agent_is_not_added_twice(agents: Agents) -> None:
    token = agents.add(ANN)
    with pytest.raises(AgentExists, match="agent ann exists already"):
        agents.add(Agent("ann", "Impostor", "user/1999"))
    assert agents.by_token(token) == ANN


def test_a_reissued_token_replaces_the_old_one(agents: Agents) -> None:
    old = agents.add(ANN)
    new = agents.reissue("ann")
    assert agents.by_token(old) is None
    assert agents.by_token(new) == ANN


def test_a_removed_agent_has_no_token_and_is_in_no_list_but_keeps_her_row(
    agents: Agents, database: Database
) -> None:
    token = agents.add(ANN)
    agents.remove("ann")
    assert agents.by_token(token) is None
    assert agents.get("ann") is None
    assert agents.all() == []
    assert column(database, "removed_at") == 1700000000


def test_an_agent_added_again_after_removal_starts_afresh(agents: Agents) -> None:
    old = agents.add(ANN)
    agents.pause("ann", "lunch").result(5)
    agents.remove("ann")
    back = Agent("ann", "Ann Again", "user/1200")
    new = agents.add(back)
    assert agents.get("ann") == agents.by_token(new) == back
    assert agents.by_token(old) is None


def test_changing_an_agent_who_is_not_there_is_refused(agents: Agents) -> None:
    agents.add(ANN)
    agents.remove("ann")
    for agent_id in ("ann", "eve"):
        for change in (agents.reissue, agents.remove):
            with pytest.raises(UnknownAgent, match=f"agent {agent_id} does not exist"):
                change(agent_id)
        with pytest.raises(UnknownAgent):
            agents.pause(agent_id, None).result(5)
        with pytest.raises(UnknownAgent):
            agents.resume(agent_id).result(5)


def test_pause_and_resume_keep_everything_else(agents: Agents, database: Database) -> None:
    agents.add(ANN)
    paused = agents.pause("ann", "lunch").result(5)
    assert (paused.paused, paused.pause_reason) == (True, "lunch")
    assert agents.get("ann") == paused
    assert column(database, "state_since") == 1700000000
    assert agents.resume("ann").result(5) == ANN == agents.get("ann")


def test_what_belongs_to_a_pause_is_committed_with_it_or_not_at_all(
    agents: Agents, database: Database
) -> None:
    agents.add(ANN)
    seen: list[Agent] = []
    agents.pause("ann", None, also=lambda _, agent: seen.append(agent)).result(5)
    assert [agent.paused for agent in seen] == [True]

    def fails(*_: object) -> None:
        raise ValueError("no event")

    with pytest.raises(ValueError, match="no event"):
        agents.resume("ann", also=fails).result(5)
    assert agents.get("ann") == seen[0]


def test_another_processs_reissue_counts_at_once(agents: Agents, tmp_path: Path) -> None:
    old = agents.add(ANN)
    assert agents.by_token(old) == ANN
    with sqlite3.connect(tmp_path / "agents.db") as other:
        other.execute("UPDATE agents SET token_hash = ?", [sha256(b"new").hexdigest()])
    other.close()
    assert agents.by_token(old) is None
    assert agents.by_token("new") == ANN


def test_tokens_are_right_in_many_threads_while_they_are_reissued(agents: Agents) -> None:
    steady = agents.add(ANN)
    agents.add(Agent("bob", "Bob", "user/1102"))
    done = threading.Event()

    def look() -> set[Agent | None]:
        found: set[Agent | None] = set()
        while not done.is_set():
            found.add(agents.by_token(steady))
        return found

    with ThreadPoolExecutor(8) as pool:
        lookers = [pool.submit(look) for _ in range(8)]
        tokens = [agents.reissue("bob") for _ in range(50)]
        done.set()
        assert all(looker.result(10) <= {ANN} for looker in lookers)
    assert [agents.by_token(token) is not None for token in tokens] == [False] * 49 + [True]


def test_of_many_who_add_the_same_agent_one_wins(agents: Agents) -> None:
    def add(number: int) -> str | None:
        try:
            return agents.add(Agent("ann", f"Ann {number}", "user/1101"))
        except AgentExists:
            return None

    with ThreadPoolExecutor(8) as pool:
        tokens = [token for token in pool.map(add, range(8)) if token]
    assert len(tokens) == 1
    assert agents.by_token(tokens[0]) == agents.get("ann")
