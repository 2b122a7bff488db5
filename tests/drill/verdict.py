"""The four counts, from what the switch did, what was done on purpose, and what is on record."""

from collections.abc import Mapping, Sequence
from typing import Any

from .ledger import Ledger
from .witness import Conversation, Witness

__all__ = ["callers_dropped", "conversations_cut", "lost_from_record"]

SLACK = 0.2
"""Between our clock and an event's time, in seconds."""

PARTS = ("park", "transfer", "hangup")


def transferred_to(call: str, witness: Witness, customers: set[str]) -> list[str]:
    """With which other customers the call ever spoke."""
    pairs = (one.channels for one in witness.conversations if call in one.channels)
    return [other for pair in pairs for other in pair - {call} if other in customers]


def callers_dropped(ledger: Ledger, witness: Witness) -> list[str]:
    """Customers whose channel ended, and nobody wanted that."""
    customers = set(ledger.placed) | ledger.dialled
    dropped = []
    for call in customers:
        life = witness.lives.get(call)
        if life is None or life.ended is None:
            continue
        until = life.ended + SLACK
        together = [call, *transferred_to(call, witness, customers)]
        if not any(ledger.purposely(one, 0, until, ("hangup",)) for one in together):
            dropped.append(f"{call} ended with {life.cause}")
    return dropped


def conversations_cut(ledger: Ledger, witness: Witness) -> list[str]:
    """Conversations that ended, and nobody who was in them asked for that."""
    customers = set(ledger.placed) | ledger.dialled
    ended = [one for one in witness.conversations if one.ended is not None]
    return [
        f"{sorted(one.channels)} after {(one.ended or 0) - one.began:.1f} s"
        for one in ended
        if one.channels & customers and not _on_purpose(one, ledger, customers)
    ]


def _on_purpose(one: Conversation, ledger: Ledger, customers: set[str]) -> bool:
    since, until = one.began - SLACK, (one.ended or 0) + SLACK
    verbs = PARTS if len(one.channels & customers) == 1 else ("hangup",)
    return any(ledger.purposely(call, since, until, verbs) for call in one.channels & customers)


def lost_from_record(
    ledger: Ledger, witness: Witness, record: Mapping[str, Mapping[str, Any] | None]
) -> list[str]:
    """What was answered or seen and is not on record so. ``record``: each call as it is shown."""
    lost = []
    for call in set(ledger.placed) | ledger.dialled:
        shown = record[call]
        if shown is None:
            lost.append(f"{call} is unknown")
            continue
        lost += [f"{call} {why}" for why in _wrong(call, shown, ledger, witness)]
    return lost


def _wrong(call: str, shown: Mapping[str, Any], ledger: Ledger, witness: Witness) -> Sequence[str]:
    wrong = []
    if len(ledger.arrivals.get(call, set()) | {shown["arrival_time"]}) > 1:
        wrong.append(f"arrived at {ledger.arrivals[call]} and at {shown['arrival_time']}")
    missing = {agent for taken, agent in ledger.taken if taken == call} - set(shown["handled_by"])
    if missing:
        wrong.append(f"was taken by {missing}, on record by {shown['handled_by']}")
    if call in ledger.ended and shown["state"] != "hungup":
        wrong.append(f"was hung up and is {shown['state']}")
    if (shown["state"] == "hungup") != witness.ended(call):
        wrong.append(f"is {shown['state']}, on the switch it is not")
    if shown["state"] == "hungup" and not shown["hangup_cause"]:
        wrong.append("ended without a cause")
    return wrong
