"""What FreeSWITCH must have besides the dialplan: modules, music, a timer, phones, the time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from fsapp.calls.agent import Agent
from fsapp.doctor.deployment import Deployment
from fsapp.doctor.finding import Finding, good, problem, unknown, warning
from fsapp.switch import commands
from fsapp.switch.commands import BadArgument

__all__ = ["clock", "modules", "music", "phones", "ring", "timer"]

ALWAYS = ("mod_event_socket", "mod_dptools", "mod_commands", "mod_tone_stream", "mod_dialplan_xml")
MOST_SKEW_SECONDS = 2.0
RING_SECONDS = 15
LATE_MILLISECONDS = 300
"""For ten times 20 ms."""
_TOTAL = re.compile(r"Total Time: ([0-9.]+)ms")
_USER = re.compile(r"user/([\w.+-]+)(?:@([\w.-]+))?")


def modules(deployment: Deployment) -> Iterator[Finding]:
    """Those that fsapp and its dialplan files use."""
    needed = [*ALWAYS]
    if deployment.settings.dial.external.startswith("loopback/"):
        needed.append("mod_loopback")
    missing = [one for one in needed if _ask(deployment, "module_exists", one) != "true"]
    for module in missing:
        yield problem("modules", f"{module} is not loaded.", "add it to modules.conf.xml, load it")
    if not missing:
        yield good("modules", "The modules fsapp needs are loaded.")


def music(deployment: Deployment) -> Iterator[Finding]:
    """A source that is missing is replaced by a soft tone; better to know."""
    sources = {deployment.settings.queue.music, deployment.settings.park.music}
    for source in sorted(sources):
        why = _why_no_music(deployment, source)
        if why is None:
            yield good("music", f"{source} can be played.")
        else:
            mend = f"{why}; or set queue.music and park.music to what there is"
            yield warning("music", f"{source} is not there: callers hear a soft tone.", mend)


def _why_no_music(deployment: Deployment, source: str) -> str | None:
    if source.startswith("local_stream://"):
        if _ask(deployment, "module_exists", "mod_local_stream") != "true":
            return "load mod_local_stream"
        return None
    if "://" in source:
        return None
    there = _ask(deployment, "file_exists", source) == "true" or not source.startswith("/")
    return None if there else "put the file there, readable for FreeSWITCH"


def timer(deployment: Deployment) -> Iterator[Finding]:
    """Without it FreeSWITCH plays nothing to a phone that sends nothing (freeswitch.md §3)."""
    answer = _ask(deployment, "timer_test", "20", "10", "soft")
    found = _TOTAL.search(answer)
    if found is None:
        yield problem("timer", f"FreeSWITCH's soft timer does not run: {answer}.", "see its log")
    elif float(found[1]) > LATE_MILLISECONDS:
        what = f"FreeSWITCH's media timer is late: 200 ms took {found[1]} ms."
        yield warning("timer", what, "give the machine more processor time")
    else:
        yield good("timer", "FreeSWITCH's media timer keeps time.")


def clock(deployment: Deployment) -> Iterator[Finding]:
    """Ages of calls are counted with this machine's clock."""
    answer = _ask(deployment, "strepoch")
    skew = int(answer) - time.time() if answer.isdigit() else None
    if skew is None:
        yield unknown("time", f"FreeSWITCH's time is not known: {answer}.")
    elif abs(skew) > MOST_SKEW_SECONDS:
        what = f"FreeSWITCH's clock is {skew:+.0f} s from this machine's."
        yield warning("time", what, "let both keep time by NTP")
    else:
        yield good("time", "FreeSWITCH and fsapp have the same time.")


def phones(deployment: Deployment) -> Iterator[Finding]:
    """Is every agent's phone registered? What has another dial string can only be rung."""
    if not deployment.agents:
        yield problem(
            "phones", "There are no agents.", "fsapp agent add ID --name N --phone user/1101"
        )
    for agent in deployment.agents:
        yield _phone(deployment, agent)


def _phone(deployment: Deployment, agent: Agent) -> Finding:
    whose = f"{agent.id}'s phone {agent.phone}"
    user = _USER.fullmatch(agent.phone)
    if user is None:
        return unknown("phones", f"{whose} is no user of the directory; --ring-phones tries it.")
    domain = user[2] or _ask(deployment, "global_getvar", "domain")
    dial_string = _ask(deployment, "user_data", f"{user[1]}@{domain}", "param", "dial-string")
    if not dial_string or dial_string.startswith("-ERR"):
        mend = f"add it to the directory, or correct {agent.id}'s --phone"
        return problem("phones", f"{whose} is no user of domain {domain}.", mend)
    if "sofia_contact" not in dial_string:
        return unknown("phones", f"{whose} needs no registration; --ring-phones tries it.")
    contact = _ask(deployment, "sofia_contact", f"*/{user[1]}@{domain}")
    if contact.startswith(("error/", "-ERR")) or not contact:
        mend = "switch it on, and see its account, password and server"
        return problem("phones", f"{whose} is not registered.", mend)
    return good("phones", f"{whose} is registered.")


def ring(deployment: Deployment) -> Iterator[Finding]:
    """Rings every agent's phone, one after the other; whoever answers hears nothing."""
    for agent in deployment.agents:
        whose = f"{agent.id}'s phone {agent.phone}"
        variables = {"originate_timeout": str(RING_SECONDS), "ignore_early_media": "true"}
        try:
            command = commands.api_ring(agent.phone, variables)
        except BadArgument as error:
            yield problem("ring", f"{whose} cannot be rung: {error}.", "correct its --phone")
            continue
        answer = deployment.switch.ask(command, RING_SECONDS + 2)
        if answer.startswith("+OK"):
            yield good("ring", f"{whose} was answered.")
        else:
            cause = answer.removeprefix("-ERR").strip()
            yield problem("ring", f"{whose} was not answered: {cause}.", "see the phone")


def _ask(deployment: Deployment, question: str, *arguments: str) -> str:
    return deployment.switch.ask(commands.api_question(question, *arguments))
