"""One story: random deeds of callers, agents, phones, FreeSWITCH, the network and the power switch.

The law of this file: whoever hangs somebody up on purpose writes it down (:meth:`Story.excuse`);
who is hung up without that was dropped.
"""

from __future__ import annotations

import logging
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.contact import Contact
from fsapp.calls.refusals import Refusal
from fsapp.lab import FREESWITCH, PROMPT
from fsapp.lab.callers import call_in, hang_up
from fsapp.lab.channels import Channel
from fsapp.lab.phones import PhoneSet
from fsapp.settings import Address, Dial, Outbound, Park, Phone, Queue, Settings, Switch
from fsapp.settings import Database as DatabaseSettings
from fsapp.store.agents import Agents
from fsapp.store.contacts import Contacts
from fsapp.store.database import Database
from tests.soak import camera
from tests.soak.invariants import CHECKS, Answered, Check, violations
from tests.soak.world import Asked, World

__all__ = ["AGENTS", "Broken", "Counts", "Story", "prepare", "settings_for", "tell"]

AGENTS = (
    Agent("ann", "Ann", "user/1101"),
    Agent("bob", "Bob", "user/1102"),
    Agent("cay", "Cay", "user/1103", organizations=frozenset({1, 2})),
    Agent("olga", "Olga", "user/1120", organizations=frozenset({2})),
)
OUTSIDE = "1142"
MOST_CALLERS = 6
QUIET_SECONDS = 25.0
"""How long it takes until nothing is under way: the way back through the dialplan takes up to 14.6
seconds (measured), a half-open connection is given up after 20."""

EVENTS = (
    "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_PARK", "CHANNEL_HANGUP",
    "CHANNEL_HANGUP_COMPLETE", "CHANNEL_EXECUTE_COMPLETE", "BACKGROUND_JOB",
)  # fmt: skip
COMMANDS = ("uuid_bridge", "uuid_transfer", "originate", "uuid_kill")
"""What FreeSWITCH may refuse though the channel is there; setting variables is never refused."""
ANSWERS = {200, 400, 401, 403, 404, 405, 409, 413, 503, 504}


class Broken(AssertionError):
    """An invariant does not hold."""

    def __init__(self, seed: object, found: list[str], tail: list[str]) -> None:
        told = "\n  ".join(found)
        before = "\n  ".join(tail)
        super().__init__(f"seed {seed}:\n  {told}\nafter\n  {before}")
        self.found = found


@dataclass
class Counts:
    """What a soak has done."""

    stories: int = 0
    operations: int = 0
    steps: int = 0
    quiet_points: int = 0
    restarts: int = 0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def prepare(path: Path) -> dict[str, str]:
    """The database every story begins with; each agent's token."""
    database = Database(path)
    database.open()
    agents = Agents(database)
    tokens = {agent.id: agents.add(agent) for agent in AGENTS}
    Contacts(database).load([Contact(42, "Outside", OUTSIDE, 1)])
    database.close()
    return tokens


def settings_for(path: Path) -> Settings:
    """Short limits: a story is told in minutes of its own time."""
    return replace(
        Settings(),
        database=DatabaseSettings(path=path, timeout=2.0),
        outbound=Outbound(listen=Address("127.0.0.1", 0)),
        phone=Phone(ring_timeout=3, idle_timeout=4.0),
        dial=Dial(ring_timeout=3),
        switch=Switch(timeout=2.0),
    )


def impatient(seed: object, settings: Settings) -> Settings:
    """In some stories who is on hold rings back soon, in some who is queued is soon sent on."""
    chance = random.Random(f"{seed} limits")
    recall, overflow = chance.choice((180.0, 180.0, 3.0)), chance.choice((0.0, 0.0, 4.0, 12.0))
    return replace(
        settings,
        park=Park(recall_after=recall),
        queue=Queue(overflow_after=overflow, overflow_to=f"{OUTSIDE} XML default"),
    )


class _Ear(logging.Handler):
    """Errors the app logs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@contextmanager
def _listening() -> Iterator[_Ear]:
    ear, logger = _Ear(), logging.getLogger("fsapp")
    logger.addHandler(ear)
    try:
        yield ear
    finally:
        logger.removeHandler(ear)


def tell(
    seed: object,
    folder: Path,
    counts: Counts,
    *,
    operations: int = 60,
    checks: Sequence[Check] = (),
    without: Sequence[str] = (),
    patient: bool = False,
) -> None:
    """Tells the story of ``seed``; raises :class:`Broken`.

    ``folder`` has the ``prepared.db`` of :func:`prepare`; ``without`` names deeds not to be done;
    ``patient``: nobody is soon sent on or rings back.
    """
    for old in folder.glob("story.db*"):
        old.unlink()
    path = folder / "story.db"
    shutil.copy(folder / "prepared.db", path)
    latency = FREESWITCH if random.Random(f"{seed} pace").random() < 0.3 else PROMPT
    settings = settings_for(path) if patient else impatient(seed, settings_for(path))
    with _listening() as ear, World.of(seed, settings, latency) as world:
        story = Story(seed, world, counts, checks=checks or CHECKS, without=without)
        story.ear = ear
        try:
            story.run(operations)
        finally:
            counts.steps += world.steps
            counts.seconds += world.clock.now() - story.began


class Story:
    """What people do, and what is true in between."""

    def __init__(
        self,
        seed: object,
        world: World,
        counts: Counts,
        *,
        checks: Sequence[Check],
        without: Sequence[str],
    ) -> None:
        self.seed = seed
        self.world = world
        self.rng = world.rng
        self.began = world.clock.now()
        self.ear = _Ear()
        self._counts = counts
        self._checks = checks
        self._told: list[str] = []
        self._callers: dict[str, Channel] = {}
        self._asked: list[Asked] = []
        self._excused: set[str] = set()
        self._transfers: set[tuple[str, str]] = set()
        """What was asked for since the last quiet point: source and destination."""
        self._phones = self._plugged_in()
        self._deeds = {name: odds for name, odds in DEEDS.items() if name not in without}
        world.start_app()

    def _plugged_in(self) -> dict[str, PhoneSet]:
        phones = self.world.exchange.phones
        return {
            name: self.world.do(lambda name=name: phones.phone(name))  # type: ignore[misc]
            for name in (*(agent.phone.rpartition("/")[2] for agent in AGENTS), OUTSIDE)
        }

    def run(self, operations: int) -> None:
        names, weights = list(self._deeds), list(self._deeds.values())
        until_quiet = self.rng.randrange(5, 25)
        for _ in range(operations):
            deed = self.rng.choices(names, weights)[0]
            getattr(self, deed)()
            self._counts.operations += 1
            self._go_on()
            until_quiet -= 1
            if until_quiet == 0:
                self.quiet()
                until_quiet = self.rng.randrange(5, 25)
        self.everybody_goes()

    def note(self, words: str) -> None:
        self._told.append(f"{self.world.clock.now() - self.began:8.3f} {words}")

    def _go_on(self) -> None:
        """A few things happen, or time passes, before the next deed."""
        pace = self.rng.random()
        if pace < 0.5:
            for _ in range(self.rng.randrange(12)):
                self.world.step()
        elif pace < 0.8:
            self.world.pass_time(self.rng.choice((0.005, 0.02, 0.1)))
        else:
            self.world.pass_time(self.rng.choice((0.5, 1.0, 2.5)))

    # -- callers -----------------------------------------------------------------------

    def a_caller_arrives(self) -> None:
        alive = [channel for channel in self._callers.values() if not channel.down]
        if len(alive) >= MOST_CALLERS:
            return
        variables = {"organization_id": self.rng.choice(("1", "1", "1", "2"))}
        variables["fsapp_priority"] = self.rng.choice(("0", "0", "1"))
        if self.rng.random() < 0.15:
            variables["fsapp_greeting"] = "tone_stream://%(800,0,440)"
        if self.rng.random() < 0.15:
            variables["fsapp_music"] = "missing.wav"
        channel = self.world.do(
            lambda: call_in(
                self.world.exchange, "5900", "204", "Cal", context="public", variables=variables
            )
        )
        self._callers[channel.uuid] = channel
        self._counts.calls += 1
        self.note(f"{channel.uuid} calls in {variables}")

    def a_caller_hangs_up(self) -> None:
        alive = [channel for channel in self._callers.values() if not channel.down]
        if alive:
            self._hangs_up(self.rng.choice(alive).uuid)

    def _hangs_up(self, uuid: str) -> None:
        channel = self._callers.get(uuid)
        if channel is not None and not channel.down:
            self.excuse(uuid, "hangs up")
            self._excuse_the_destination(uuid)
            self.world.do(lambda: hang_up(channel))

    def _excuse_the_destination(self, source: str) -> None:
        """FreeSWITCH itself ends whom it is joining with a channel that has just gone
        (docs/freeswitch.md): the other one of a transfer that is under way."""
        self._excused.update(to for one, to in self._transfers if one == source)

    def excuse(self, uuid: str, why: str) -> None:
        self._excused.add(uuid)
        self.note(f"{uuid} {why}")

    # -- agents ------------------------------------------------------------------------

    def _calls(self) -> list[Call]:
        app = self.world.app
        return [live.call for live in app.service.board.calls.values()] if app else []

    def _ask(self, who: str, verb: str, **parameters: str) -> None:
        if self.world.app is None:
            return
        if verb == "call/transfer":
            mine = (call for call in self._calls() if call.assigned_to == who and call.is_current)
            self._transfers |= {(parameters["source"], call.id) for call in mine}
        self._asked.append(self.world.asks(who, verb, **parameters))
        self.note(f"{who} {verb} {parameters}")

    def an_agent_works(self) -> None:
        """What makes sense for her just now."""
        who = self.rng.choice(AGENTS).id
        mine = [call for call in self._calls() if call.assigned_to == who]
        held = [call.id for call in mine if call.state is State.PARKED]
        current = next((call for call in mine if call.is_current), None)
        if current is not None:
            self._at_work(who, current, held)
        elif held and self.rng.random() < 0.4:
            self._ask(who, "call/unpark", call_id=self.rng.choice(held))
        elif held and self.rng.random() < 0.6:
            self._ask(who, "call/originate", extension=OUTSIDE)
        else:
            self._ask(who, "call/pickup")

    def _at_work(self, who: str, current: Call, held: list[str]) -> None:
        pick = self.rng.random()
        if held and not current.inbound and pick < 0.6:
            self._ask(who, "call/transfer", source=self.rng.choice(held))
        elif pick < 0.75:
            self._ask(who, "call/park")
        else:
            self._ask(who, "call/hangup", call_id=current.id)

    def a_transfer_is_torn(self) -> None:
        """Something happens within milliseconds of it."""
        ready = [(agent.id, held) for agent in AGENTS if (held := self._consulting(agent.id))]
        if not ready:
            return
        who, held = self.rng.choice(ready)
        source = self.rng.choice(held)
        self._ask(who, "call/transfer", source=source)
        for _ in range(self.rng.randrange(40)):
            self.world.step()
        leaves = partial(self._hangs_up, source)
        tears = (leaves, self.the_app_is_killed, self.a_connection_breaks, self.the_switch_stalls)
        self.rng.choice(tears)()

    def _consulting(self, who: str) -> list[str]:
        """Her calls on hold, while she speaks with somebody she has dialled."""
        mine = [call for call in self._calls() if call.assigned_to == who]
        speaks = any(call.state is State.SPEAKING and not call.inbound for call in mine)
        return [call.id for call in mine if call.state is State.PARKED] if speaks else []

    def an_agent_does_anything(self) -> None:
        """Sense or nonsense."""
        who = self.rng.choice(AGENTS).id
        ids = [call.id for call in self._calls()] or ["nobody"]
        call_id = self.rng.choice(ids)
        verb = self.rng.choice(("pickup", "park", "unpark", "transfer", "hangup", "originate"))
        if verb == "transfer":
            self._ask(who, "call/transfer", source=call_id)
        elif verb == "originate":
            wanted = self.rng.choice(({"extension": OUTSIDE}, {"cm_id": "42"}, {"extension": "9"}))
            if self.rng.random() < 0.3:
                wanted = {**wanted, "idempotency_key": self.rng.choice("ab")}
            self._ask(who, "call/originate", **wanted)
        else:
            self._ask(who, f"call/{verb}", call_id=call_id)

    def an_agent_pauses(self) -> None:
        who, state = self.rng.choice(AGENTS).id, self.rng.choice(("idle", "paused"))
        self._ask(who, "agent/state", state=state)

    # -- phones ------------------------------------------------------------------------

    def a_phone_is_set(self) -> None:
        name = self.rng.choice(list(self._phones))
        phone, behaviour = self._phones[name], self.rng.random()
        if behaviour < 0.6:
            after = self.rng.choice((0.0, 0.0, 0.05, 1.0))
            self.world.do(lambda: phone.answers(after))
        elif behaviour < 0.75:
            self.world.do(phone.stays_silent)
        elif behaviour < 0.9:
            self.world.do(lambda: phone.refuses("USER_BUSY"))
        else:
            self.world.do(phone.is_unregistered)
        self.note(f"phone {name} {behaviour:.2f}")

    def a_phone_is_hung_up(self) -> None:
        name = self.rng.choice([name for name in self._phones if name != OUTSIDE])
        self._excuse_all_with(self._phones[name])
        self.note(f"phone {name} is hung up")
        self.world.do(self._phones[name].hang_up)

    def _excuse_all_with(self, phone: PhoneSet) -> None:
        """Whoever speaks with a phone that is hung up, or is just being put through to it."""
        for leg in phone.legs:
            agent = leg.variables.get("fsapp_agent")
            self._excused.update(self._joined(leg))
            mine = [call for call in self._calls() if call.assigned_to == agent]
            self._excused.update(call.id for call in mine if call.is_current)

    def _joined(self, leg: Channel) -> list[str]:
        """Whoever it is joined with, or just being joined with."""
        others = self.world.exchange.channels.values()
        bonded = [other.uuid for other in others if leg.uuid in _bonds(other)]
        return [*bonded, *_bonds(leg)]

    def a_phone_dies(self) -> None:
        """The power of her phone fails: no reason to lose whom she spoke with."""
        name = self.rng.choice([name for name in self._phones if name != OUTSIDE])
        self.note(f"phone {name} dies")
        self.world.do(lambda: self._phones[name].die("MEDIA_TIMEOUT"))

    def the_outside_party_goes(self) -> None:
        phone = self._phones[OUTSIDE]
        self._excuse_the_dialled()
        self._excuse_all_with(phone)
        self.note("the outside party goes")
        self.world.do(phone.hang_up)

    def _excuse_the_dialled(self) -> None:
        others = self.world.exchange.channels.values()
        self._excused.update(o.uuid for o in others if o.variables.get("fsapp_call") == o.uuid)

    # -- faults ------------------------------------------------------------------------

    def an_event_goes_wrong(self) -> None:
        faults, name = self.world.exchange.faults, self.rng.choice(EVENTS)
        what = self.rng.choice(("late", "late", "doubled", "cut", "lost"))
        if what == "late":
            faults.delay_next(name, self.rng.choice((0.01, 0.1, 0.7)))
        elif what == "doubled":
            faults.double_next(name)
        elif what == "lost" and name != "CHANNEL_EXECUTE_COMPLETE":
            # That one alone tells of a greeting's end; a connection that lives loses no event.
            faults.drop_next(name)
        else:
            faults.cut_in_next(name)
        self._fault(f"event {what}", name)

    def a_command_goes_wrong(self) -> None:
        faults, name = self.world.exchange.faults, self.rng.choice(COMMANDS)
        what = self.rng.choice(("refused", "cut off before", "cut off after"))
        if what == "refused":
            faults.refuse_next(name)
        else:
            name = self.rng.choice((*COMMANDS, "uuid_setvar_multi"))
            self.world.cut_offs.append((name, what == "cut off after"))
        self._fault(f"command {what}", name)

    def a_connection_breaks(self) -> None:
        app = self.world.app
        lines = [line for line in app.lines if not line.over_at_switch] if app else []
        if lines:
            line = self.rng.choice(lines)
            self._fault("connection reset", line.name)
            self.world.do(line.transport.abort)

    def a_connection_is_half_open(self) -> None:
        app = self.world.app
        lines = [line for line in app.lines if not line.over_at_switch] if app else []
        if lines:
            line = self.rng.choice(lines)
            self._fault("connection half open", line.name)
            line.cut = True
            self.world.clock.call_later(20.0, line.heals)

    def the_switch_stalls(self) -> None:
        faults = self.world.exchange.faults
        self._fault("switch stalled", "")
        self.world.do(faults.stall)
        self.world.clock.call_later(self.rng.choice((0.05, 0.5, 1.5)), faults.go_on)

    def the_switch_is_killed(self) -> None:
        """Whoever is on it is gone with it; nobody who calls afterwards may suffer for that."""
        self._excused.update(self.world.exchange.channels)
        self._callers.clear()
        self._fault("switch killed", "")
        self.world.kill_switch()
        self._phones = self._plugged_in()

    def the_database_is_locked(self) -> None:
        """Shorter, and longer, than a request waits for it."""
        self._fault("database locked", "")
        self.world.locked_until = self.world.clock.now() + self.rng.choice((0.5, 1.5, 3.0, 8.0))

    def _fault(self, kind: str, what: str) -> None:
        self._counts.faults[kind] += 1
        self.note(f"fault: {kind} {what}")

    # -- the process -------------------------------------------------------------------

    def the_app_is_killed(self) -> None:
        if self.world.app is not None:
            self.note("the app is killed")
            self.world.kill_app()
            self._counts.restarts += 1
            # Nobody is answered any more, and perhaps it was done.
            self._excused |= self._hung_up_by_agents()
            self._asked = [asked for asked in self._asked if asked.answer is not None]

    def the_app_starts(self) -> None:
        if self.world.app is None:
            self.note("the app starts")
            self.world.start_app()

    # -- looking -----------------------------------------------------------------------

    def quiet(self) -> None:
        """Lets everything come to rest, then looks."""
        self._settle()
        self._counts.quiet_points += 1
        self._look(leaks=[])

    def _settle(self) -> None:
        self.the_app_starts()
        self.note("quiet")
        self.world.pass_time(QUIET_SECONDS)
        self.world.do(self.world.exchange.faults.clear)
        self.world.cut_offs.clear()
        self.world.pass_time(QUIET_SECONDS)

    def _look(self, leaks: list[str]) -> None:
        picture = camera.take(self.world, [agent.id for agent in AGENTS])
        picture.leaks = leaks
        picture.answered = self._answered()
        self._excused |= self._hung_up_by_agents()
        picture.troubles = self._troubles()
        picture.dropped = self._dropped(picture.rows)
        found = violations(picture, self._checks)
        if found:
            raise Broken(self.seed, found, self._told[-400:])
        # What was done to whoever is still there has come to its end without her.
        self._excused -= set(self.world.exchange.channels)
        self._transfers.clear()
        self._callers = {uuid: seen for uuid, seen in self._callers.items() if not seen.down}

    def _hung_up_by_agents(self) -> set[str]:
        """Whom they asked to be hung up. Refused is refused; but what FreeSWITCH or the database
        did not answer in time may be carried out later."""
        return {
            asked.parameters["call_id"]
            for asked in self._asked
            if asked.verb == "call/hangup"
            and not (isinstance(asked.answer, Refusal) and asked.answer.http < 500)
        }

    def _answered(self) -> list[Answered]:
        """What was promised with 200, also by a process that is no more."""
        return [
            Answered(asked.verb, call)
            for asked in self._asked
            if isinstance(asked.answer, dict)
            for call in _calls_in(asked.answer)
        ]

    def _troubles(self) -> list[str]:
        troubles = [*self.ear.heard]
        troubles += [f"{actor.name} failed: {actor.error!r}" for actor in self.world.stage.failed]
        for asked in self._asked:
            code = asked.answer.http.value if isinstance(asked.answer, Refusal) else 200
            self._counts.answers[str(code)] += 1
            if asked.answer is None:
                troubles.append(f"never answered: {asked}")
            elif code not in ANSWERS:
                troubles.append(f"answered {code}: {asked}")
        self._asked.clear()
        if self.world.exchange.failures:
            troubles.append("the lab switch itself failed")
        return troubles

    def _dropped(self, rows: list[Call]) -> list[str]:
        """Callers, and those they were in conversation with, whom nobody hung up."""
        # Whoever was sent on may be hung up on where she was sent, as whom an agent dialled.
        causes = {
            uuid: caller.cause
            for uuid, caller in self._callers.items()
            if caller.down and caller.profile.destination_number != OUTSIDE
        }
        causes |= {
            row.id: row.hangup_cause
            for row in rows
            if not row.inbound and row.bridged_at is not None and not row.live
            if row.overflowed_at is None
        }
        partners = self._partners()
        return [
            f"{uuid} was hung up: {cause}"
            for uuid, cause in causes.items()
            if not ({uuid} | partners.get(uuid, set())) & self._excused
        ]

    def _partners(self) -> dict[str, set[str]]:
        """Who was ever transferred to whom."""
        app = self.world.app
        assert app is not None
        told = app.database.reader().query(
            "SELECT call_id, json_extract(document, '$.b_leg') AS other FROM events "
            "WHERE name = 'call_transfer'"
        )
        partners: dict[str, set[str]] = {}
        for row in told:
            partners.setdefault(row["call_id"], set()).add(row["other"])
        return partners

    def everybody_goes(self) -> None:
        """All callers and phones hang up; then nothing may be left."""
        self._settle()
        self._look(leaks=[])
        for uuid, channel in self._callers.items():
            self._excused.add(uuid)
            self.world.do(lambda channel=channel: hang_up(channel))  # type: ignore[misc]
        self._excuse_the_dialled()
        for phone in self._phones.values():
            self._excuse_all_with(phone)
            self.world.do(phone.hang_up)
        self.note("everybody goes")
        self.world.pass_time(QUIET_SECONDS)
        self._look(leaks=self._leaks())

    def _leaks(self) -> list[str]:
        app = self.world.app
        assert app is not None
        board = app.service.board
        left = [f"call {call_id} on the board" for call_id in board.calls]
        left += [f"leg {uuid} on the board" for uuid in board.legs]
        left += [f"job {job} on the board" for job in board.jobs]
        left += [f"{who} still owns a call" for who in board.lines._owned]
        left += [f"{who} has a request" for who, s in board.agents.items() if s.request or s.leg]
        left += [f"channel {c!r}" for c in self.world.exchange.channels.values()]
        lines = [line.name for line in app.lines if not line.over_at_app]
        left += [f"connection {name}" for name in lines if name != "control"]
        threads = [actor.name for actor in self.world.stage.actors]
        left += [f"thread {name}" for name in threads if name != "control"]
        return left


def _calls_in(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The calls an answer tells of; of transferred ones it says little more than that."""
    if "source_call" in answer:
        ids = (answer[name]["call_id"] for name in ("source_call", "destination_call"))
        return [{"id": call_id, "state": State.TRANSFERRED} for call_id in ids]
    return [dict(answer["call"])] if "call" in answer else []


def _bonds(channel: Channel) -> list[str]:
    names = ("signal_bond", "bridge_uuid", "bridge_to")
    return [value for name in names if (value := channel.variables.get(name))]


DEEDS: dict[str, int] = {
    "a_caller_arrives": 14,
    "a_caller_hangs_up": 5,
    "an_agent_works": 30,
    "an_agent_does_anything": 10,
    "a_transfer_is_torn": 6,
    "an_agent_pauses": 1,
    "a_phone_is_set": 5,
    "a_phone_is_hung_up": 3,
    "a_phone_dies": 3,
    "the_outside_party_goes": 2,
    "an_event_goes_wrong": 3,
    "a_command_goes_wrong": 2,
    "a_connection_breaks": 2,
    "a_connection_is_half_open": 1,
    "the_switch_stalls": 1,
    "the_switch_is_killed": 1,
    "the_database_is_locked": 2,
    "the_app_is_killed": 2,
    "the_app_starts": 6,
}
"""What may happen, and how often beside the others."""
