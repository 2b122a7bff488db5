"""Who asks: the token in ``Authorization: Bearer`` or in the parameter ``token`` (protocol §2).

The law of this file: no token, no answer but 401; which tokens exist is never to be learnt from
an answer, and none is logged.
"""

from __future__ import annotations

from typing import Protocol

from fsapp.calls.agent import Agent
from fsapp.calls.refusals import Refusal, bad_parameters, not_authorized
from fsapp.web.guesses import Guesses
from fsapp.web.parameters import Received
from fsapp.web.routes import TOKEN

__all__ = ["Holders", "admit", "authenticate", "check_single", "given"]


class Holders(Protocol):
    """Whoever knows whose token it is: ``store.agents.Agents``."""

    def by_token(self, token: str) -> Agent | None: ...


def given(authorization: str, received: Received) -> frozenset[str]:
    """Every token of a request: its ``Authorization`` header's and its parameters'."""
    tokens = {field.text for field in received.fields if field.name == TOKEN.name}
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        tokens.add(token.strip())
    return frozenset(tokens)


def authenticate(holders: Holders, tokens: frozenset[str]) -> Agent:
    """The agent who holds one of the tokens, or 401."""
    for token in tokens:
        agent = holders.by_token(token)
        if agent is not None:
            return agent
    raise not_authorized()


def admit(holders: Holders, tokens: frozenset[str], guesses: Guesses, host: str) -> Agent:
    """As :func:`authenticate`; the 401 says when to try again once ``host`` has sent too many
    wrong tokens."""
    try:
        return authenticate(holders, tokens)
    except Refusal:
        if any(tokens):
            raise not_authorized(guesses.wrong(host)) from None
        raise


def check_single(tokens: frozenset[str]) -> None:
    """400 when there are different ones: whose request it is would be a guess."""
    if len(tokens) > 1:
        raise bad_parameters("token is given twice, with different values")
