"""Does the dialplan hand calls to this fsapp, and does it keep them when fsapp is away?

(freeswitch.md §3, protocol §7.)
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from fsapp.doctor import dialplan
from fsapp.doctor.deployment import Deployment
from fsapp.doctor.dialplan import Entry
from fsapp.doctor.finding import Finding, good, problem, unknown, warning
from fsapp.settings import Address
from fsapp.switch import commands

__all__ = ["check", "inbound"]

COPY = "copy dialplan/fsapp_inbound.xml and dialplan/fsapp_return.xml there and reloadxml"
_ANY = ("0.0.0.0", "[::]", "::")


def inbound(deployment: Deployment) -> list[tuple[Entry, Element]]:
    """The extensions that hand new calls to this fsapp, each with its context."""
    return [
        (entry, context)
        for entry, context in _entries(deployment)
        if not entry.is_return_point and _is_ours(deployment, entry)
    ]


def check(deployment: Deployment) -> Iterator[Finding]:
    """Entry, address, fallback, return point and its pause, in every context."""
    try:
        entries = _entries(deployment)
    except ParseError as error:
        yield unknown("dialplan", f"FreeSWITCH's dialplan cannot be read: {error}.")
        return
    new = [entry for entry, _ in entries if not entry.is_return_point]
    back = [entry for entry, _ in entries if entry.is_return_point]
    if not new:
        what = "No extension of the XML dialplan hands calls to an outbound socket."
        yield problem("dialplan", what, f"into the context your calls arrive in: {COPY}")
    for entry in new:
        yield from _of_entry(deployment, entry)
    yield from _return_points(deployment, {entry.context for entry in new}, back)


def _of_entry(deployment: Deployment, entry: Entry) -> Iterator[Finding]:
    where = f"Extension {entry.name} in context {entry.context}"
    ours = deployment.settings.outbound.advertise
    if not _is_ours(deployment, entry):
        what = f"{where} connects to {'|'.join(entry.addresses)}; fsapp listens at {ours}."
        mend = "set the global variable fsapp_socket, or outbound.listen and outbound.advertise"
        yield warning("dialplan", what, f"if it is meant for fsapp: {mend}")
        return
    yield good("dialplan", f"{where} hands calls to fsapp at {ours}.")
    if entry.arguments.split() != ["async", "full"]:
        mend = f'write data="{ours} async full"'
        yield problem("socket", f"{where} connects without `async full`.", mend)
    if not entry.resumes:
        mend = "set socket_resume=true before the socket, as dialplan/fsapp_inbound.xml does"
        yield problem("socket", f"{where} leaves its callers in silence when fsapp dies.", mend)
    if not entry.goes_on:
        mend = 'end it with transfer to "fsapp_return XML ${context}"'
        yield problem("fallback", f"{where} hangs up when fsapp is away: nothing follows.", mend)


def _return_points(
    deployment: Deployment, needed: set[str], back: list[Entry]
) -> Iterator[Finding]:
    there = {entry.context for entry in back}
    for context in sorted({*needed, deployment.settings.dialplan.context} - there):
        what = f"Context {context} has no extension fsapp_return, where calls come back to."
        yield problem("return", what, COPY)
    for entry in back:
        where = f"The return point in context {entry.context}"
        if not _is_ours(deployment, entry):
            what = f"{where} connects to {'|'.join(entry.addresses)}."
            yield problem("return", what, "let it name fsapp's address, as the inbound extension")
        elif not dialplan.pauses(entry) or not dialplan.leads_back(entry):
            what = f"{where} does not pause and come back to itself."
            yield problem("return", what, "use dialplan/fsapp_return.xml unchanged")
        else:
            yield good("return", f"{where} offers calls again and again, with a pause.")


def _entries(deployment: Deployment) -> list[tuple[Entry, Element]]:
    text = deployment.switch.ask(commands.api_question("xml_locate", "dialplan"))
    value = deployment.switch.ask(commands.api_question("global_getvar", "fsapp_socket"))
    variables = {"fsapp_socket": "" if value.startswith("-ERR") else value}
    return [
        (entry, context)
        for context in dialplan.contexts(text).values()
        for entry in dialplan.entries(context, variables)
    ]


def _is_ours(deployment: Deployment, entry: Entry) -> bool:
    outbound = deployment.settings.outbound
    return any(
        _names(address, outbound.advertise) or _names(address, outbound.listen)
        for address in entry.addresses
    )


def _names(address: str, ours: Address) -> bool:
    host, _, port = address.rpartition(":")
    local = {"localhost": "127.0.0.1"}
    same = local.get(host, host) == local.get(ours.host, ours.host) or ours.host in _ANY
    return same and port == str(ours.port)
