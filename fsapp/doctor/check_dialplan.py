"""Does the dialplan hand calls to this fsapp, and does it keep them when fsapp is away?

(freeswitch.md §3, protocol §7.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from fsapp.doctor import behind_socket, check_switch, dialplan, sources
from fsapp.doctor.behind_socket import Fates
from fsapp.doctor.deployment import Deployment
from fsapp.doctor.dialplan import RETURN_POINT, Entry
from fsapp.doctor.finding import Finding, Verdict, good, problem, unknown, warning
from fsapp.settings import Address, Outbound, Settings

__all__ = ["ASYNC_FULL", "check", "inbound", "may_lead_back"]

ASYNC_FULL = ["async", "full"]
COPY = "copy dialplan/fsapp_inbound.xml and dialplan/fsapp_return.xml there, and: reloadxml"
GO_ON = 'end it with transfer to "fsapp_return XML ${context}"'
ADDRESS = "set the global variable fsapp_socket, or outbound.listen and outbound.advertise"
_ANY = ("0.0.0.0", "[::]", "::")


@dataclass(frozen=True)
class Found:
    """The dialplan's contexts and the extensions with a ``socket``, by what they are for."""

    contexts: dict[str, Element]
    new: list[Entry]
    """Take new calls."""
    back: list[Entry]
    """Return points."""


def inbound(deployment: Deployment) -> Iterator[tuple[Entry, Element]]:
    """The extensions whose new calls this fsapp can take, each with its context."""
    found = _read(deployment)
    for entry in found.new:
        context = found.contexts[entry.context]
        reached = dialplan.taken_by(entry, context) is None
        if reached and entry.arguments.split() == ASYNC_FULL and _is_ours(deployment, entry):
            yield entry, context


def check(deployment: Deployment) -> Iterator[Finding]:
    """Entry, address, fallback, return point and its pause, in every context."""
    try:
        found = _read(deployment)
    except ParseError as error:
        yield unknown("dialplan", f"FreeSWITCH's dialplan cannot be read: {error}.")
        return
    ours = [entry for entry in found.new if _is_ours(deployment, entry)]
    if not ours:
        yield _nothing_leads_here(deployment, found)
        return
    for entry in ours:
        yield from _of_entry(deployment.settings.outbound, entry, found.contexts[entry.context])
        yield from _fallback(deployment, entry, found)
    for entry in found.new:
        if entry not in ours and entry.name.startswith("fsapp"):
            where = f"Extension {entry.name} in context {entry.context}"
            ours_is = deployment.settings.outbound.advertise
            what = f"{where} connects to {'|'.join(entry.addresses)}; fsapp listens at {ours_is}."
            yield warning("dialplan", what, f"if it is meant for this fsapp: {ADDRESS}")
    needed = {entry.context for entry in ours} | {deployment.settings.dialplan.context}
    yield from _return_points(deployment, needed, found)
    yield from _overflow(deployment.settings, found, ours)


def may_lead_back(deployment: Deployment, context: str) -> bool:
    """Whether nothing is found wrong with the way back to fsapp in this context."""
    found = _read(deployment)
    points = [entry for entry in found.back if entry.context == context]
    looked_at = [_return_point(deployment, entry, found.contexts) for entry in points]
    return bool(looked_at) and all(one.verdict is Verdict.GOOD for one in looked_at)


def _nothing_leads_here(deployment: Deployment, found: Found) -> Finding:
    if not found.new:
        what = "No extension of the XML dialplan hands calls to an outbound socket."
        return problem("dialplan", what, f"into the context your calls arrive in: {COPY}")
    where = " and ".join(
        f"extension {entry.name} in context {entry.context} connects to {'|'.join(entry.addresses)}"
        for entry in found.new
    )
    ours = deployment.settings.outbound.advertise
    return problem("dialplan", f"No call gets to fsapp at {ours}: {where}.", ADDRESS)


def _of_entry(outbound: Outbound, entry: Entry, context: Element) -> Iterator[Finding]:
    where = f"Extension {entry.name} in context {entry.context}"
    taker = dialplan.taken_by(entry, context)
    if taker is None:
        yield good("dialplan", f"{where} hands calls to fsapp at {outbound.advertise}.")
    else:
        what = f"{where} is never reached: extension {taker} takes its numbers before."
        yield problem("dialplan", what, "put it before that one, or use other numbers")
    if entry.arguments.split() != ASYNC_FULL:
        mend = f'write data="{outbound.advertise} async full"'
        yield problem("socket", f"{where} connects without `async full`.", mend)
    if not entry.resumes:
        mend = "set socket_resume=true before the socket, as dialplan/fsapp_inbound.xml does"
        yield problem("socket", f"{where} leaves its callers in silence when fsapp dies.", mend)


def _fallback(deployment: Deployment, entry: Entry, found: Found) -> Iterator[Finding]:
    """Is a call led on, or at least told, when fsapp is away?"""
    where = f"Extension {entry.name} in context {entry.context}"
    fate = behind_socket.fate(entry, found.contexts, _lasts(deployment))
    if fate.what is Fates.LOST:
        yield problem("fallback", f"{where} hangs up when fsapp is away: {fate.why}.", GO_ON)
    elif fate.what is Fates.TOLD:
        what = f"{where} hangs up behind an announcement when fsapp is away"
        more = "at a restart of fsapp also on who waits"
        yield warning("fallback", f"{what}, {more}: {fate.why}.", f"better {GO_ON}")


def _lasts(deployment: Deployment) -> Callable[[str], bool]:
    """Whether a source takes time to play on this FreeSWITCH."""
    return lambda source: sources.lasts(
        source, lambda plain: check_switch.is_there(deployment, plain)
    )


def _return_points(deployment: Deployment, needed: set[str], found: Found) -> Iterator[Finding]:
    there = {entry.context for entry in found.back}
    for context in sorted(needed - there):
        what = f"Context {context} has no extension fsapp_return, where calls come back to."
        yield problem("return", what, COPY)
    for entry in found.back:
        yield _return_point(deployment, entry, found.contexts)


def _return_point(deployment: Deployment, entry: Entry, contexts: Mapping[str, Element]) -> Finding:
    where = f"The return point in context {entry.context}"
    unchanged = "use dialplan/fsapp_return.xml unchanged"
    taker = dialplan.taken_by(entry, contexts[entry.context], RETURN_POINT)
    if taker is not None:
        what = f"{where} is never reached: extension {taker} takes fsapp_return before."
        return problem("return", what, "put it before that one")
    if not _is_ours(deployment, entry):
        what = f"{where} connects to {'|'.join(entry.addresses)}."
        return problem("return", what, "let it name fsapp's address, as the inbound extension")
    if not behind_socket.leads_back(entry, contexts):
        return problem("return", f"{where} does not lead back to itself.", unchanged)
    if not behind_socket.pauses(entry, _lasts(deployment)):
        what = f"{where} has no pause: while fsapp is away it keeps a processor busy."
        return problem("return", what, unchanged)
    return good("return", f"{where} offers calls again and again, with a pause.")


def _overflow(settings: Settings, found: Found, ours: list[Entry]) -> Iterator[Finding]:
    """Does ``queue.overflow_to`` exist? FreeSWITCH hangs up on who is sent elsewhere."""
    if not settings.queue.overflow_after:
        return
    extension, *words = settings.queue.overflow_to.split()
    named = words[1:] or sorted({entry.context for entry in ours})
    for name in named:
        context = found.contexts.get(name)
        if context is None or not dialplan.has(context, extension):
            what = f"Callers who overflow are hung up on: context {name} has no {extension}."
            yield problem("overflow", what, "add that extension, or correct queue.overflow_to")


def _read(deployment: Deployment) -> Found:
    """Raises ``ParseError``."""
    value = deployment.ask("global_getvar", "fsapp_socket")
    variables = {"fsapp_socket": "" if value.startswith("-ERR") else value}
    contexts = dialplan.contexts(deployment.ask("xml_locate", "dialplan"))
    all_ = [
        entry for context in contexts.values() for entry in dialplan.entries(context, variables)
    ]
    new = [entry for entry in all_ if not entry.is_return_point]
    return Found(contexts, new, [entry for entry in all_ if entry.is_return_point])


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
