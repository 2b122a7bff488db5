"""Every refusal an agent can get, each defined once.

The law of this file: a refusal changes nothing, maps to exactly one HTTP document
(protocol §2), and its words are the protocol's, to the letter. Whoever refuses raises
:class:`Refusal` through one of the functions below; nobody else spells a status,
an error identifier or a description.

The order in which they are checked is the guard's business (``guard.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from fsapp.calls.document_types import RefusalDocument, ShownCallDocument

__all__ = [
    "Refusal",
    "agent_busy",
    "agent_paused",
    "bad_parameters",
    "bridge_failed",
    "call_not_found",
    "call_owned",
    "contact_not_found",
    "dependency_timeout",
    "dependency_unavailable",
    "draining",
    "greeting_playing",
    "method_not_allowed",
    "not_authorized",
    "not_ready",
    "nothing_to_hang_up",
    "nothing_to_park",
    "nothing_to_pick_up",
    "phone_unavailable",
    "route_not_found",
    "too_large",
    "too_many_streams",
    "unhandled",
    "wrong_state",
]

CALL_NOT_FOUND = "call-not-found"
CALL_OWNED = "call-owned"

Document = Mapping[str, object]
Shown = Document | Callable[[], Document] | None
"""A call's object, or what makes it when somebody looks: the guard is asked far more often what
would be allowed than anybody is refused."""


class Refusal(Exception):
    """Why a request is not carried out.

    ``http`` is the status code, ``status``, ``error`` and ``description`` go into the JSON
    document; ``call`` is the call's present object when there is one the agent may see;
    ``missing`` names what is not there; ``headers`` are extra HTTP headers.
    """

    def __init__(
        self,
        http: HTTPStatus,
        status: str,
        error: str,
        description: str,
        *,
        call: Shown = None,
        missing: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.http = http
        self.status = status
        self.error = error
        self.description = description
        self._call = call
        self.missing = missing
        self.headers = dict(headers or {})

    @property
    def call(self) -> Document | None:
        """The call's object, when there is one the agent may see."""
        if callable(self._call):
            self._call = self._call()
        return self._call

    @call.setter
    def call(self, call: Document | None) -> None:
        self._call = call

    def document(self) -> RefusalDocument:
        """The JSON document of protocol §2."""
        document: RefusalDocument = {
            "status": self.status,
            "description": self.description,
            "error": self.error,
        }
        if self.call is not None:
            # On its way out the desk has made it what the agent sees (desk/shown.py).
            document["call"] = cast("ShownCallDocument", dict(self.call))
        if self.missing is not None:
            document["missing"] = dict(self.missing)
        return document


def bad_parameters(what: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "bad parameters", "bad-parameters", what)


def too_large(limit: int) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "bad parameters",
        "body-too-large",
        f"The request's body is larger than {limit} bytes.",
    )


def bridge_failed(why: str, call: Shown = None) -> Refusal:
    """Transfer only, protocol §4: ``why`` is one of the sentences listed there."""
    return Refusal(HTTPStatus.BAD_REQUEST, "bridge failed", "bridge-failed", why, call=call)


def not_authorized(retry_after: int = 0) -> Refusal:
    """``retry_after``: seconds, for whoever has sent too many wrong tokens."""
    slowed = {"Retry-After": str(retry_after)} if retry_after else {}
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "not authorized",
        "not-authorized",
        "A valid token is required.",
        headers={"WWW-Authenticate": "Bearer", **slowed},
    )


def call_owned(call_id: str, owner: str, call: Shown = None) -> Refusal:
    """The page's headline rule, to the letter, for every verb."""
    return Refusal(
        HTTPStatus.FORBIDDEN,
        "forbidden",
        CALL_OWNED,
        f"Call|{call_id} belongs to {owner}",
        call=call,
    )


def route_not_found() -> Refusal:
    """Does not repeat the path: who puts a token into it must not find it in an answer."""
    return Refusal(
        HTTPStatus.NOT_FOUND, "not found", "route-not-found", "There is nothing at this address."
    )


def method_not_allowed(method: str, allowed: str) -> Refusal:
    return Refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method not allowed",
        "method-not-allowed",
        f"{method} is not allowed here; allowed: {allowed}.",
        headers={"Allow": allowed},
    )


def call_not_found(call_id: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "not found", CALL_NOT_FOUND, f"{call_id} does not exist.")


def contact_not_found(cm_id: str) -> Refusal:
    return Refusal(
        HTTPStatus.NOT_FOUND, "not found", "contact-not-found", f"Contact {cm_id} does not exist."
    )


def nothing_to_park() -> Refusal:
    return Refusal(
        HTTPStatus.NOT_FOUND,
        "not found",
        "no-current-call",
        "No call available to put on hold",
    )


def nothing_to_hang_up() -> Refusal:
    return Refusal(
        HTTPStatus.NOT_FOUND, "not found", "no-current-call", "No call available to hang up"
    )


def nothing_to_pick_up() -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "not found", "queue-empty", "No call available to pick up")


def agent_busy(agent_id: str, call_id: str, call: Shown = None) -> Refusal:
    return Refusal(
        HTTPStatus.CONFLICT,
        "busy",
        "agent-busy",
        f"Agent|{agent_id} already has call {call_id}",
        call=call,
    )


def agent_paused(agent_id: str) -> Refusal:
    """A paused agent is not given the next call; a call she names she may take."""
    return Refusal(
        HTTPStatus.CONFLICT,
        "paused",
        "agent-paused",
        f"Agent|{agent_id} is paused and is not given the next call",
    )


def phone_unavailable(phone: str, cause: str, call: Shown = None) -> Refusal:
    return Refusal(
        HTTPStatus.CONFLICT,
        "phone unavailable",
        "phone-unavailable",
        f"{phone}: {cause}",
        call=call,
    )


def greeting_playing(call_id: str, call: Shown = None) -> Refusal:
    return Refusal(
        HTTPStatus.CONFLICT,
        "locked",
        "call-locked",
        f"{call_id} is hearing its greeting",
        call=call,
    )


def wrong_state(call_id: str, state: str, call: Shown = None) -> Refusal:
    return Refusal(
        HTTPStatus.CONFLICT,
        "wrong state",
        "wrong-state",
        f"{call_id} is {state}",
        call=call,
    )


def dependency_unavailable(which: str, call: Shown = None) -> Refusal:
    """503: ``which`` names the dependency in a sentence."""
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "unavailable", which, call=call)


def not_ready(missing: Mapping[str, str]) -> Refusal:
    """503 of ``/readyz``: a sentence for each dependency that is not there, by its name."""
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "unavailable",
        "; ".join(missing.values()),
        missing=missing,
    )


def draining(call: Shown = None) -> Refusal:
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "draining",
        "fsapp is shutting down: draining.",
        call=call,
    )


def dependency_timeout(late: str, call: Shown = None) -> Refusal:
    """504: ``late`` says in a sentence what was not done in time."""
    return Refusal(HTTPStatus.GATEWAY_TIMEOUT, "timeout", "timeout", late, call=call)


def too_many_streams(limit: int) -> Refusal:
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "too-many-streams",
        f"There are {limit} event streams open already.",
        headers={"Retry-After": "5"},
    )


def unhandled(incident: str) -> Refusal:
    return Refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "unhandled exception",
        "unhandled-exception",
        f"Incident {incident}; the log says more.",
    )
