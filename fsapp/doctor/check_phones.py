"""Is every agent's phone there, and does it answer when it is rung?

A registration says that a phone was there some time ago; ``user/1000`` is called by it until it
expires. Whether the phone is still there only its answer tells: to a call (``ring``), or to the
OPTIONS that FreeSWITCH sends where a SIP profile says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsapp.calls.agent import Agent
from fsapp.doctor.deployment import Deployment
from fsapp.doctor.finding import Finding, good, problem, unknown, warning
from fsapp.switch import commands
from fsapp.switch.commands import BadArgument

__all__ = ["phones", "ring"]

RING_SECONDS = 5
NO_PHONE = "user/0"
"""Who only looks on has this for a phone (docs/cli.md)."""
_PROFILE = re.compile(r"\bsofia/([\w.@+-]+)/")
_PING = re.compile(r"^Ping-Status:\s*(\w+)\s*^Ping-Time:\s*([\d.]+)", re.MULTILINE)
_USER = re.compile(r"user/([\w.+-]+)(?:@([\w.-]+))?")


def phones(deployment: Deployment) -> Iterator[Finding]:
    """Is every agent's phone registered? What has another dial string can only be rung."""
    if deployment.agents is None:
        yield unknown("phones", "Whose phones are to be looked at is not known.")
        return
    if not deployment.agents:
        mend = "fsapp agent add ID --name N --phone user/1000"
        yield problem("phones", "There are no agents.", mend)
    for agent in deployment.agents:
        if agent.phone == NO_PHONE:
            yield good("phones", f"{agent.id} has no phone ({NO_PHONE}) and only looks on.")
        else:
            yield _phone(deployment, agent)


def _phone(deployment: Deployment, agent: Agent) -> Finding:
    whose = f"{agent.id}'s phone {agent.phone}"
    user = _USER.fullmatch(agent.phone)
    if user is None:
        return unknown("phones", f"{whose} is no user of the directory; --ring-phones tries it.")
    domain = user[2] or deployment.ask("global_getvar", "domain")
    dial_string = deployment.ask("user_data", f"{user[1]}@{domain}", "param", "dial-string")
    if not dial_string or dial_string.startswith("-ERR"):
        mend = f"add it to the directory, or correct {agent.id}'s --phone"
        return problem("phones", f"{whose} is no user of domain {domain}.", mend)
    if "sofia_contact" not in dial_string:
        return unknown("phones", f"{whose} needs no registration; --ring-phones tries it.")
    contact = deployment.ask("sofia_contact", f"*/{user[1]}@{domain}")
    if contact.startswith(("error/", "-ERR")) or not contact:
        mend = "switch it on, and see its account, password and server"
        return problem("phones", f"{whose} is not registered.", mend)
    return _registered(whose, _pings(deployment, f"{user[1]}@{domain}", contact))


def _registered(whose: str, pings: list[tuple[str, float]]) -> Finding:
    """What FreeSWITCH's pings tell of a phone's registrations.

    Whoever registers is ``Reachable``; only a ping that was answered has also taken time. Some
    phones refuse OPTIONS, which counts as unreachable, and ring all the same.
    """
    if pings and all(status == "Unreachable" for status, _ in pings):
        what = f"{whose} is registered, but does not answer FreeSWITCH's pings"
        mend = "see whether it is switched on and connected; --ring-phones tries it"
        return warning("phones", f"{what}: it may be gone.", mend)
    if any(status == "Reachable" and took > 0 for status, took in pings):
        return good("phones", f"{whose} is registered and answers FreeSWITCH's pings.")
    asked = "whether it answers only ringing it tells (--ring-phones)"
    return good("phones", f"{whose} is registered; {asked}.")


def _pings(deployment: Deployment, address: str, contact: str) -> list[tuple[str, float]]:
    """Of each registration of this user, as 1.10.12 writes it: the status, and how many
    milliseconds the last ping took; 0 when there was none."""
    profiles = sorted(set(_PROFILE.findall(contact)))
    answers = (
        deployment.ask("sofia status profile", profile, "user", address) for profile in profiles
    )
    found = (one for answer in answers for one in _PING.findall(answer))
    return [(status, float(took)) for status, took in found]


def ring(deployment: Deployment) -> Iterator[Finding]:
    """Rings every agent's phone for a moment, one after the other: until it says that it rings."""
    for agent in deployment.agents or ():
        if agent.phone == NO_PHONE:
            continue
        whose = f"{agent.id}'s phone {agent.phone}"
        try:
            command = commands.api_ring(agent.phone, RING_SECONDS)
        except BadArgument as error:
            yield problem("ring", f"{whose} cannot be rung: {error}.", "correct its --phone")
            continue
        answer = deployment.switch.ask(command, RING_SECONDS + 2)
        if answer.startswith("+OK"):
            yield good("ring", f"{whose} rings.")
        else:
            cause = answer.removeprefix("-ERR").strip()
            yield problem("ring", f"{whose} cannot be rung: {cause}.", "see the phone")
