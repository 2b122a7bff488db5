"""What excuses an end, and what does not: only what was done at that very time, to that very call.

Each case is one call, or one conversation, whose end is at second 100.
"""

from typing import Any

import pytest

from .ledger import Asked, Ledger, Order
from .verdict import callers_dropped, conversations_cut, dialled_unaccounted, lost_from_record
from .witness import Conversation, Life, Witness

END = 100.0

When = tuple[float, float, int | None]
"""When a request was sent, when it was answered, and what; ``None``: it was cut off."""


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def witness() -> Witness:
    nowhere: Any = None
    return Witness(nowhere)


def calls_in(ledger: Ledger, witness: Witness, call: str, *, ended: float | None = END) -> Life:
    ledger.placed[call] = 0.0
    witness.lives[call] = life = Life(call, 0.0, ended, "NORMAL_CLEARING", taken_in=True)
    return life


def is_dialled(witness: Witness, call: str, *, ended: float | None = END) -> Life:
    witness.lives[call] = life = Life(call, 0.0, ended, "NORMAL_CLEARING", call=call)
    return life


def asks(ledger: Ledger, verb: str, call: str, when: When) -> None:
    ledger.asked.setdefault(call, []).append(Asked(verb, "anna", *when))


def speaks(witness: Witness, *channels: str, ended: float = END) -> None:
    witness.conversations.append(Conversation(frozenset(channels), 50.0, ended))


# A caller's end.


def test_an_end_that_nobody_wanted_is_a_drop(ledger: Ledger, witness: Witness):
    calls_in(ledger, witness, "c")
    assert callers_dropped(ledger, witness)


def test_a_call_that_goes_on_is_none(ledger: Ledger, witness: Witness):
    calls_in(ledger, witness, "c", ended=None)
    assert not callers_dropped(ledger, witness)


@pytest.mark.parametrize(("left", "dropped"), [(99.9, 0), (96.0, 0), (50.0, 1), (100.5, 1)])
def test_her_own_hangup_excuses_what_comes_just_after_it(
    ledger: Ledger, witness: Witness, left: float, dropped: int
):
    calls_in(ledger, witness, "c")
    ledger.left["c"] = left
    assert len(callers_dropped(ledger, witness)) == dropped


@pytest.mark.parametrize(
    ("when", "dropped"),
    [
        ((99.9, 100.1, 200), 0),
        ((99.9, 99.95, 200), 0),  # the answer comes before CHANNEL_HANGUP_COMPLETE
        ((99.5, 99.8, None), 0),  # the app died over it, and FreeSWITCH had the command
        ((99.9, 100.1, 504), 0),
        ((50.0, 50.1, 200), 1),  # at an earlier time
        ((90.0, 90.1, None), 1),
        ((100.5, 100.6, 404), 1),  # she was gone by then
        ((100.5, 100.6, 200), 1),
        ((99.9, 100.1, 403), 1),
        ((99.9, 100.1, 409), 1),
        ((99.9, 100.1, 503), 1),
    ],
)
def test_a_hangup_excuses_only_what_it_did(
    ledger: Ledger, witness: Witness, when: When, dropped: int
):
    calls_in(ledger, witness, "c")
    asks(ledger, "hangup", "c", when)
    assert len(callers_dropped(ledger, witness)) == dropped


@pytest.mark.parametrize("verb", ["park", "unpark", "transfer", "pickup", "originate"])
def test_no_other_verb_may_end_a_call(ledger: Ledger, witness: Witness, verb: str):
    calls_in(ledger, witness, "c")
    asks(ledger, verb, "c", (99.9, 100.1, 200))
    assert callers_dropped(ledger, witness)


def test_a_hangup_of_another_call_excuses_nobody(ledger: Ledger, witness: Witness):
    calls_in(ledger, witness, "c")
    calls_in(ledger, witness, "d", ended=None)
    asks(ledger, "hangup", "d", (99.9, 100.1, 200))
    assert callers_dropped(ledger, witness)


@pytest.mark.parametrize(
    ("other_ended", "joined_until", "dropped"),
    [(99.9, 99.9, 0), (90.0, 90.0, 1), (99.9, 60.0, 1), (101.0, 100.0, 1)],
)
def test_who_was_transferred_to_her_takes_her_along_only_when_she_ends_just_then(
    ledger: Ledger, witness: Witness, other_ended: float, joined_until: float, dropped: int
):
    calls_in(ledger, witness, "c")
    is_dialled(witness, "d", ended=other_ended)
    ledger.left["d"] = other_ended - 0.1
    speaks(witness, "c", "d", ended=joined_until)
    assert len(callers_dropped(ledger, witness)) == dropped


def test_two_who_were_transferred_and_end_together_unasked_are_two_drops(
    ledger: Ledger, witness: Witness
):
    calls_in(ledger, witness, "c")
    is_dialled(witness, "d")
    speaks(witness, "c", "d")
    assert len(callers_dropped(ledger, witness)) == 2


def test_a_number_that_no_answer_names_may_be_dropped_too(ledger: Ledger, witness: Witness):
    is_dialled(witness, "d")
    assert callers_dropped(ledger, witness)


# A conversation's end.


@pytest.mark.parametrize("verb", ["park", "transfer", "hangup"])
@pytest.mark.parametrize(
    ("when", "cut"),
    [
        ((99.9, 100.1, 200), 0),
        ((99.5, 99.6, None), 0),
        ((60.0, 60.1, 200), 1),
        ((99.9, 100.1, 403), 1),
    ],
)
def test_a_conversation_is_parted_only_by_what_was_asked_for_then(
    ledger: Ledger,
    witness: Witness,
    verb: str,
    when: When,
    cut: int,
):
    calls_in(ledger, witness, "c", ended=None)
    speaks(witness, "c", "her leg")
    asks(ledger, verb, "c", when)
    assert len(conversations_cut(ledger, witness)) == cut


@pytest.mark.parametrize(
    ("asked", "again", "cut"),
    [
        (("transfer", 400), 100.4, 0),
        (("transfer", 400), 101.5, 1),
        (("transfer", 400), None, 1),
        (("transfer", 404), 100.4, 1),
        (("park", 400), 100.4, 1),
    ],
)
def test_a_transfer_that_comes_to_nothing_may_part_two_who_are_put_together_again(
    ledger: Ledger, witness: Witness, asked: tuple[str, int], again: float | None, cut: int
):
    calls_in(ledger, witness, "c", ended=None)
    speaks(witness, "c", "her leg")
    verb, code = asked
    asks(ledger, verb, "c", (99.9, 100.1, code))
    if again is not None:
        witness.conversations.append(Conversation(frozenset({"c", "her leg"}), again))
    assert len(conversations_cut(ledger, witness)) == cut


def test_a_pickup_parts_nobody(ledger: Ledger, witness: Witness):
    calls_in(ledger, witness, "c", ended=None)
    speaks(witness, "c", "her leg")
    asks(ledger, "pickup", "c", (99.9, 100.1, 200))
    assert conversations_cut(ledger, witness)


def test_transferred_customers_are_parted_by_no_park(ledger: Ledger, witness: Witness):
    calls_in(ledger, witness, "c", ended=None)
    is_dialled(witness, "d", ended=None)
    speaks(witness, "c", "d")
    asks(ledger, "park", "c", (99.9, 100.1, 200))
    assert conversations_cut(ledger, witness)


def test_who_hangs_up_herself_cuts_no_conversation(ledger: Ledger, witness: Witness):
    calls_in(ledger, witness, "c")
    ledger.left["c"] = 99.9
    speaks(witness, "c", "her leg")
    assert not conversations_cut(ledger, witness)


def test_what_two_strangers_do_is_not_ours(ledger: Ledger, witness: Witness):
    speaks(witness, "x", "y")
    assert not conversations_cut(ledger, witness)


# What was dialled.


def ordered(ledger: Ledger, *codes: int | None, named: tuple[str, ...] = ()) -> None:
    order = Order("anna", "key", "1141", list(codes), set(named))
    ledger.orders_number(order)


@pytest.mark.parametrize(
    ("codes", "named", "unaccounted"),
    [
        ((200,), ("d",), 0),
        ((None, 200), ("d",), 0),
        ((None, 409), (), 0),
        ((None,), (), 1),
        ((None, 503), (), 1),
        ((None, 504), (), 1),
        ((None, 200, 200), ("d", "e"), 1),
    ],
)
def test_each_number_is_accounted_for(
    ledger: Ledger,
    witness: Witness,
    codes: tuple[int | None, ...],
    named: tuple[str, ...],
    unaccounted: int,
):
    ordered(ledger, *codes, named=named)
    for call in named:
        is_dialled(witness, call)
    assert len(dialled_unaccounted(ledger, witness)) == unaccounted


def test_a_number_that_was_dialled_though_the_answer_was_no(ledger: Ledger, witness: Witness):
    ordered(ledger, None, 409)
    is_dialled(witness, "d")
    assert dialled_unaccounted(ledger, witness) == ["d was dialled, and no answer names it"]


def test_one_call_that_rings_two_phones(ledger: Ledger, witness: Witness):
    ordered(ledger, 200, named=("d",))
    is_dialled(witness, "d")
    for far in ("far", "another"):
        witness.lives[far] = Life(far, 0.0, END, call="d")
    witness.lives["her leg"] = Life("her leg", 0.0, END, agent="anna", call="d")
    assert dialled_unaccounted(ledger, witness) == ["d was dialled 2 times"]


# The record.

ON_RECORD = {
    "arrival_time": "7",
    "handled_by": ["anna"],
    "state": "hungup",
    "hangup_cause": "NORMAL_CLEARING",
}


def lost(ledger: Ledger, witness: Witness, told: dict[str, int], **shown: object) -> list[str]:
    return lost_from_record(ledger, witness, {"c": {**ON_RECORD, **shown}}, {"c": told})


def test_a_call_that_is_on_record_as_it_was(ledger: Ledger, witness: Witness):
    calls_in(ledger, witness, "c")
    ledger.arrivals["c"] = {"7"}
    ledger.taken.append(("c", "anna"))
    ledger.answered.update({("c", "pickup"): 1, ("c", "park"): 1, ("c", "unpark"): 1})
    assert not lost(ledger, witness, {"call_pickup": 2, "call_park": 1})


@pytest.mark.parametrize(
    "shown",
    [
        {"arrival_time": "8"},
        {"handled_by": []},
        {"state": "speaking"},
        {"hangup_cause": None},
    ],
)
def test_a_call_that_is_not(ledger: Ledger, witness: Witness, shown: dict[str, object]):
    calls_in(ledger, witness, "c")
    ledger.arrivals["c"] = {"7"}
    ledger.taken.append(("c", "anna"))
    assert lost(ledger, witness, {}, **shown)


@pytest.mark.parametrize("verb", ["pickup", "park", "unpark", "transfer", "hangup", "originate"])
def test_a_200_of_which_no_event_tells(ledger: Ledger, witness: Witness, verb: str):
    calls_in(ledger, witness, "c")
    ledger.answered["c", verb] = 1
    assert lost(ledger, witness, {"queue_join": 1})


def test_of_two_parks_one_event_tells(ledger: Ledger, witness: Witness):
    calls_in(ledger, witness, "c")
    ledger.answered["c", "park"] = 2
    assert lost(ledger, witness, {"call_park": 1})


def test_a_call_that_nobody_knows(ledger: Ledger, witness: Witness):
    calls_in(ledger, witness, "c")
    assert lost_from_record(ledger, witness, {"c": None}, {}) == ["c is unknown"]


def test_who_called_and_left_while_the_app_was_away_is_not_lost(ledger: Ledger, witness: Witness):
    life = calls_in(ledger, witness, "c")
    life.taken_in = False
    assert lost_from_record(ledger, witness, {"c": None}, {}), "she was hung up on"
    ledger.left["c"] = 99.9
    assert not lost_from_record(ledger, witness, {"c": None}, {})
