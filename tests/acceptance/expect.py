"""Every refusal of protocol §2 and §4, spelt by the contract, and how an answer is held to it."""

import re
from dataclasses import dataclass
from typing import Any

from .client import Answer

BRIDGE_FAILURES = (
    "Cannot transfer to an inbound call.",
    "Destination hung up before process could complete",
    "Bad destination",
    "Call on hold hung up",
    "Call is not on hold",
)

STATES = ("created", "queued", "ringing", "transferring", "speaking", "parked", "transferred")

SHORT_STATUS = {
    "created": "created",
    "queued": "queued",
    "ringing": "ringing",
    "transferring": "transferring",
    "speaking": "answered",
    "parked": "on hold",
    "transferred": "bridged",
    "hungup": "hungup",
}

ID = r"[0-9A-Za-z-]{1,64}"
AGENT = r"[A-Za-z0-9_.@-]+"
TABLE = {
    (400, "bad parameters"): r".+",
    (413, "bad parameters"): r".+",
    (400, "bridge failed"): "|".join(re.escape(text) for text in BRIDGE_FAILURES),
    (401, "not authorized"): r"A valid token is required\.",
    (403, "forbidden"): rf"Call\|{ID} belongs to {AGENT}",
    (404, "not found"): r".+ does not exist\.|No call available to .+|There is nothing at .+",
    (405, "method not allowed"): r".+",
    (409, "busy"): rf"Agent\|{AGENT} already has call {ID}",
    (409, "paused"): rf"Agent\|{AGENT} is paused and is not given the next call",
    (409, "phone unavailable"): r".+: [A-Z_]+",
    (409, "locked"): rf"{ID} is hearing its greeting",
    (409, "wrong state"): rf"{ID} is ({'|'.join(STATES)})",
    (503, "unavailable"): r".+",
    (504, "timeout"): r".+",
}
"""Every refusal an agent can get: code and `status`, and what its `description` looks like."""


@dataclass(frozen=True)
class Refused:
    """What a refusal says; ``call`` is the id of the call its `call` object must be about."""

    code: int
    status: str
    description: str
    error: str
    call: str | None = None

    def fault(self, answer: Answer) -> str | None:
        """What is wrong with ``answer``, or None when it is this refusal to the letter."""
        document = answer.document
        said = {key: document.get(key) for key in ("status", "description", "error")}
        said["code"] = answer.code
        wanted = {
            "status": self.status,
            "description": self.description,
            "error": self.error,
            "code": self.code,
        }
        if said != wanted:
            return f"expected {wanted}, got {answer}"
        if self.call is not None and (document.get("call") or {}).get("id") != self.call:
            return f"expected the call {self.call} in the refusal, got {answer}"
        return None

    def check(self, answer: Answer) -> None:
        """AssertionError unless ``answer`` is this refusal to the letter."""
        fault = self.fault(answer)
        assert fault is None, fault


def id_of(call: Any) -> str:
    """A call's id: of a caller, of a call object, or the id itself."""
    if isinstance(call, str):
        return call
    return str(call["id"] if isinstance(call, dict) else call.id)


def as_anybody_sees(call: dict[str, Any]) -> dict[str, Any]:
    """A call object without what this agent alone may do with it."""
    return {key: value for key, value in call.items() if key != "can"}


def owned(call: Any, by: Any) -> Refused:
    """The page's headline rule, to the letter."""
    text = f"Call|{id_of(call)} belongs to {by.id}"
    return Refused(403, "forbidden", text, "call-owned", id_of(call))


def missing(call: Any) -> Refused:
    return Refused(404, "not found", f"{id_of(call)} does not exist.", "call-not-found")


def nothing_to_park() -> Refused:
    return Refused(404, "not found", "No call available to put on hold", "no-current-call")


def nothing_to_hang_up() -> Refused:
    return Refused(404, "not found", "No call available to hang up", "no-current-call")


def nothing_to_pick_up() -> Refused:
    return Refused(404, "not found", "No call available to pick up", "queue-empty")


def busy(agent: Any, with_call: Any) -> Refused:
    text = f"Agent|{agent.id} already has call {id_of(with_call)}"
    return Refused(409, "busy", text, "agent-busy")


def paused(agent: Any) -> Refused:
    text = f"Agent|{agent.id} is paused and is not given the next call"
    return Refused(409, "paused", text, "agent-paused")


def phone_unavailable(agent: Any, cause: str, call: Any = None) -> Refused:
    about = None if call is None else id_of(call)
    text = f"{agent.dial_string}: {cause}"
    return Refused(409, "phone unavailable", text, "phone-unavailable", about)


def locked(call: Any) -> Refused:
    text = f"{id_of(call)} is hearing its greeting"
    return Refused(409, "locked", text, "call-locked", id_of(call))


def wrong_state(call: Any, state: str) -> Refused:
    text = f"{id_of(call)} is {state}"
    return Refused(409, "wrong state", text, "wrong-state", id_of(call))


def bridge_failed(why: str) -> Refused:
    assert why in BRIDGE_FAILURES
    return Refused(400, "bridge failed", why, "bridge-failed")


def unauthorized() -> Refused:
    return Refused(401, "not authorized", "A valid token is required.", "not-authorized")


def from_the_table(answer: Answer) -> str | None:
    """None when ``answer`` is a success or any refusal of the table, else what is wrong."""
    document = answer.document
    if answer.code == 200:
        return None if document["status"] in ("success", "on hold") else f"unknown: {answer}"
    pattern = TABLE.get((answer.code, str(document.get("status"))))
    if pattern is None:
        return f"not in the table: {answer}"
    if not re.fullmatch(pattern, str(document.get("description"))):
        return f"not the table's words: {answer}"
    if not re.fullmatch(r"[a-z]+(-[a-z]+)*", str(document.get("error"))):
        return f"no stable error identifier: {answer}"
    return None


def is_a_clear_refusal(answer: Answer, *codes: int) -> None:
    """AssertionError unless ``answer`` is a refusal of the table with one of ``codes``."""
    assert from_the_table(answer) is None, from_the_table(answer)
    assert answer.code in codes, f"expected one of {codes}, got {answer}"
