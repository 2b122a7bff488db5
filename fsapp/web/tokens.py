"""Who asks: the token in ``Authorization: Bearer`` or in the parameter ``token`` (protocol §2).

The law of this file: no token, no answer but 401; which tokens exist is never to be learnt from
an answer, and none is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fsapp.calls.agent import Agent
from fsapp.calls.refusals import Refusal, bad_parameters, not_authorized
from fsapp.web.parameters import Received
from fsapp.web.routes import TOKEN

__all__ = ["Holders", "admit", "authenticate", "check_single", "given"]

_MOST = 2
"""Different tokens in one request: a header's and a parameter's, by mistake."""


class Holders(Protocol):
    """Whoever knows whose token it is: ``store.agents.Agents``."""

    def by_token(self, token: str) -> Agent | None: ...


def given(authorization: str, received: Received) -> frozenset[str]:
    """The tokens of a request: its ``Authorization`` header's and its parameters'. None of them
    when there are many: a body has room for a thousand guesses, which would count as one."""
    tokens = {field.text for field in received.fields if field.name == TOKEN.name}
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        tokens.add(token.strip())
    return frozenset(tokens if len(tokens) <= _MOST else ())


def authenticate(holders: Holders, tokens: frozenset[str]) -> Agent:
    """The agent who holds one of the tokens, or 401."""
    for token in tokens:
        agent = holders.by_token(token)
        if agent is not None:
            return agent
    raise not_authorized()


def admit(holders: Holders, tokens: frozenset[str], noted: Callable[[], int]) -> Agent:
    """As :func:`authenticate`. ``noted`` is told of wrong tokens, and answers in how many seconds
    to try again when they were too many, else 0."""
    try:
        return authenticate(holders, tokens)
    except Refusal:
        if any(tokens):
            raise not_authorized(noted()) from None
        raise


def check_single(tokens: frozenset[str]) -> None:
    """400 when there are different ones: whose request it is would be a guess."""
    if len(tokens) > 1:
        raise bad_parameters("token is given twice, with different values")
