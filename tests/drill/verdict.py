"""What is counted: the switch's events against what was asked for, and what is on record.

The law of this file: only what was done at that very time, to that very call, excuses anything. A
caller may end when she hung up herself, when a hangup of her call was under way and was carried out
or cut off, or when the other customer she had been transferred to ended so. A request that was
refused, or made at another time, excuses nobody. One thing is no end of a conversation: FreeSWITCH
parts two for a transfer whose other customer hangs up at that moment; they must be put together
again at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .ledger import Asked, Ledger, Order
from .witness import Conversation, Life, Witness

__all__ = [
    "CLOCKS",
    "callers_dropped",
    "conversations_cut",
    "customers",
    "dialled_unaccounted",
    "lost_from_record",
]

CLOCKS = 0.2
"""How far our clock and the switch's may be apart, in seconds."""

ANSWERED = 0.5
"""How long after the answer the switch may still be at it: it comes first, CHANNEL_UNBRIDGE and
CHANNEL_HANGUP_COMPLETE follow."""

IN_FLIGHT = 1.0
"""How long after the app's death the switch may still carry out what it had been told."""

LEAVES = 5.0
"""How long after somebody has hung up her channel may end; a switch has much to do at times."""

TOGETHER = 2.0
"""How long after one of two transferred customers the other may end."""

AGAIN = 1.0
"""How long two may be apart for a transfer that came to nothing."""

PARTS = ("park", "transfer", "hangup")

TOLD_BY = {
    "pickup": ("call_pickup", ("pickup", "unpark")),
    "unpark": ("call_pickup", ("pickup", "unpark")),
    "park": ("call_park", ("park",)),
    "transfer": ("call_transfer", ("transfer",)),
    "hangup": ("call_hangup", ("hangup",)),
    "originate": ("call_state", ("originate",)),
}
"""The event that each verb's 200 must have left behind, and which verbs share it."""


def customers(ledger: Ledger, witness: Witness) -> set[str]:
    """Who called, and who was dialled: by what was answered, and by what the switch did."""
    return set(ledger.placed) | ledger.dialled | {life.uuid for life in witness.dialled()}


def callers_dropped(ledger: Ledger, witness: Witness) -> list[str]:
    """Customers whose channel ended, and nobody wanted that."""
    found = (witness.life(call) for call in customers(ledger, witness))
    ended = [life for life in found if life is not None and life.ended is not None]
    wished = {life.uuid for life in ended if _ended_on_purpose(life, ledger)}
    return [
        f"{life.uuid} ended with {life.cause} ({_near(ledger, [life.uuid], life.ended or 0)})"
        for life in ended
        if life.uuid not in wished and not _ended_together(life, wished, witness)
    ]


def conversations_cut(ledger: Ledger, witness: Witness) -> list[str]:
    """Conversations that ended, and nobody who was in them asked for that just then."""
    known = customers(ledger, witness)
    ended = [one for one in witness.conversations if one.ended is not None]
    return [
        f"{sorted(one.channels)} after {(one.ended or 0) - one.began:.1f} s "
        f"({_near(ledger, one.channels & known, one.ended or 0)})"
        for one in ended
        if one.channels & known
        and not _parted_on_purpose(one, ledger, known)
        and not _put_together_again(one, ledger, witness)
    ]


def dialled_unaccounted(ledger: Ledger, witness: Witness) -> list[str]:
    """Numbers of which nobody can say what became of them, or that were dialled twice."""
    found = [why for order in ledger.orders.values() for why in _unaccounted(order)]
    named = ledger.dialled
    for life in witness.dialled():
        if life.uuid not in named:
            found.append(f"{life.uuid} was dialled, and no answer names it")
        if witness.dials(life.uuid) > 1:
            found.append(f"{life.uuid} was dialled {witness.dials(life.uuid)} times")
    return found


def lost_from_record(
    ledger: Ledger,
    witness: Witness,
    record: Mapping[str, Mapping[str, Any] | None],
    told: Mapping[str, Mapping[str, int]],
) -> list[str]:
    """What was answered or seen and is not on record so. ``record``: each call as it is shown;
    ``told``: how often each event tells of it."""
    lost = []
    for call in customers(ledger, witness):
        shown = record.get(call)
        if shown is None:
            lost += [] if _never_came(call, ledger, witness) else [f"{call} is unknown"]
            continue
        wrong = [*_wrong(call, shown, ledger, witness), *_untold(call, ledger, told.get(call, {}))]
        lost += [f"{call} {why}" for why in wrong]
    return lost


def _never_came(call: str, ledger: Ledger, witness: Witness) -> bool:
    """Whether she called while the app was away, and hung up before it was back."""
    life = witness.life(call)
    gone = life is not None and life.ended is not None and _left(call, life.ended, ledger)
    return gone and life is not None and not life.taken_in and call not in ledger.asked


def _ended_on_purpose(life: Life, ledger: Ledger) -> bool:
    assert life.ended is not None
    return _left(life.uuid, life.ended, ledger) or _asked(
        life.uuid, ("hangup",), life.ended, ledger
    )


def _left(call: str, at: float, ledger: Ledger) -> bool:
    """Whether she hung up herself just before."""
    left = ledger.left.get(call)
    return left is not None and left - CLOCKS <= at <= left + LEAVES


def _asked(call: str, verbs: Iterable[str], at: float, ledger: Ledger) -> bool:
    """Whether one of the verbs was under way for the call at that time, and was not refused."""
    return any(one.verb in verbs and _covers(one, at) for one in ledger.asked.get(call, ()))


def _covers(one: Asked, at: float) -> bool:
    if one.code not in (200, 504, None):
        return False
    # Of what was cut off, or answered with 504, only the switch knows whether it was done.
    until = one.ended + (ANSWERED if one.code == 200 else IN_FLIGHT)
    return one.began - CLOCKS <= at <= until + CLOCKS


def _ended_together(life: Life, wished: set[str], witness: Witness) -> bool:
    """Whether the customer she was transferred to ended on purpose, just before."""
    assert life.ended is not None
    for one in witness.conversations:
        others = one.channels - {life.uuid}
        if life.uuid in one.channels and others <= wished and one.ended is not None:
            (other,) = others
            before = witness.lives[other].ended or 0.0
            last = one.ended >= before - CLOCKS
            if last and before - CLOCKS <= life.ended <= before + TOGETHER:
                return True
    return False


def _parted_on_purpose(one: Conversation, ledger: Ledger, known: set[str]) -> bool:
    assert one.ended is not None
    theirs = one.channels & known
    # Two customers who were transferred are nobody's: nobody parks or transfers them any more.
    verbs = PARTS if len(theirs) == 1 else ("hangup",)
    return any(
        _left(call, one.ended, ledger) or _asked(call, verbs, one.ended, ledger) for call in theirs
    )


def _put_together_again(one: Conversation, ledger: Ledger, witness: Witness) -> bool:
    assert one.ended is not None
    transfers = (
        asked
        for call in one.channels
        for asked in ledger.asked.get(call, ())
        if asked.verb == "transfer" and asked.code == 400
    )
    if not any(asked.began - CLOCKS <= one.ended <= asked.ended + CLOCKS for asked in transfers):
        return False
    return any(
        again.channels == one.channels and 0 <= again.began - one.ended <= AGAIN
        for again in witness.conversations
    )


def _near(ledger: Ledger, calls: Iterable[str], at: float) -> str:
    """What was asked about the calls in the ten seconds around that moment, for people."""
    asked = (one for call in calls for one in ledger.asked.get(call, ()))
    words = [
        f"{one.agent} {one.verb} from {one.began - at:+.2f} to {one.ended - at:+.2f} s: "
        f"{one.code or 'cut off'}"
        for one in asked
        if abs(one.began - at) < 10
    ]
    return ", ".join(words) or "nobody asked for anything"


def _unaccounted(order: Order) -> Iterable[str]:
    if not order.settled:
        yield f"{order.key}: the last answer is {order.codes[-1:]}"
    if len(order.named) > 1:
        yield f"{order.key} was dialled as {sorted(order.named)}"


def _wrong(call: str, shown: Mapping[str, Any], ledger: Ledger, witness: Witness) -> Sequence[str]:
    wrong = []
    if len(ledger.arrivals.get(call, set()) | {shown["arrival_time"]}) > 1:
        wrong.append(f"arrived at {ledger.arrivals[call]} and at {shown['arrival_time']}")
    missing = {agent for taken, agent in ledger.taken if taken == call} - set(shown["handled_by"])
    if missing:
        wrong.append(f"was taken by {missing}, on record by {shown['handled_by']}")
    if call in ledger.ended and shown["state"] != "hungup":
        wrong.append(f"was hung up and is {shown['state']}")
    if (shown["state"] != "hungup") != (call in witness.alive()):
        wrong.append(f"is {shown['state']}, on the switch it is not")
    if shown["state"] == "hungup" and not shown["hangup_cause"]:
        wrong.append("ended without a cause")
    return wrong


def _untold(call: str, ledger: Ledger, told: Mapping[str, int]) -> Iterable[str]:
    """What was answered with 200, and no event tells of it."""
    for verb in {verb for about, verb in ledger.answered if about == call}:
        name, verbs = TOLD_BY[verb]
        answered = sum(ledger.answered[call, one] for one in verbs)
        if told.get(name, 0) < answered:
            yield f"{verb}: answered with 200, {name} told {told.get(name, 0)} of {answered} times"
