"""Every command that is ever sent to FreeSWITCH is built here.

The law of this file: python-ESL sends strings verbatim, so an argument with a newline would
become a second command (``api system …`` included; freeswitch.md §1). Every argument is
therefore matched against what it may consist of, applications come from a list, and whatever
does not fit raises :class:`BadArgument`. Each command ends with a blank line, because
python-ESL writes one that lacks it in two writes, which costs 40 ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = [
    "APPLICATIONS",
    "DIAL_STRING",
    "QUESTIONS",
    "BadArgument",
    "api_break",
    "api_bridge",
    "api_dump",
    "api_exists",
    "api_get",
    "api_kill",
    "api_originate_to_extension",
    "api_question",
    "api_ring",
    "api_set",
    "api_show_channels",
    "api_transfer",
    "api_transfer_marked",
    "api_transfer_to_socket",
    "auth",
    "bgapi_originate_to_extension",
    "bgapi_originate_to_socket",
    "connect",
    "event_background_job",
    "event_endings",
    "execute",
    "exit_",
    "fits",
    "linger",
    "myevents",
    "name_of",
    "nixevent",
    "playable",
]

APPLICATIONS = frozenset({"answer", "playback"})
"""The dialplan applications that fsapp executes. An unknown one would hang the call up."""

UNUSED_EVENTS = (
    "CHANNEL_APPLICATION",
    "CHANNEL_CALLSTATE",
    "CHANNEL_CREATE",
    "CHANNEL_DESTROY",
    "CHANNEL_EXECUTE",
    "CHANNEL_HOLD",
    "CHANNEL_ORIGINATE",
    "CHANNEL_OUTGOING",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_STATE",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_UNHOLD",
    "CHANNEL_UNPARK",
    "CHANNEL_UUID",
    "DETECTED_SPEECH",
    "DTMF",
    "NOTALK",
    "TALK",
)
"""What ``myevents`` subscribes to and nobody here reads; the cheapest event is none."""

_UUID = re.compile(r"[A-Za-z0-9-]{1,64}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE = re.compile(r"[\w.:/@+*# -]*")
_MARK = re.compile(r"[0-9a-z]{0,32}")
_WORD = re.compile(r"[\w.:@+*#-]+")
_CAUSE = re.compile(r"[A-Z0-9_]+")
_ADDRESS = re.compile(r"[\w.:\[\]|-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

DIAL_STRING = re.compile(r"[\w@./:;=+*#~%-]+")
"""What a dial string may consist of: nothing that quotes, separates or expands."""


Variables = Mapping[str, str | Sequence[str]]
"""Channel variables of an originate; a sequence becomes FreeSWITCH's comma-separated list."""


class BadArgument(ValueError):
    """An argument that must not reach FreeSWITCH; the sentence names it."""


def _match(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.fullmatch(value):
        raise BadArgument(f"{what} may not be {value!r}")
    return value


def _text(value: str, what: str) -> str:
    if not playable(value):
        raise BadArgument(f"{what} has a control character or a $: {value!r}")
    return value


def playable(source: str) -> bool:
    """Whether ``source`` may stand as an application's argument.

    FreeSWITCH expands ``${…}`` in it, API calls included: ``${system(…)}`` runs a program
    (measured).
    """
    return "$" not in source and not _CONTROL.search(source)


def _uuid(value: str) -> str:
    return _match(_UUID, value, "a channel's uuid")


def name_of(command: str) -> str:
    """What a command built here is called: ``uuid_bridge``, ``execute``, ``linger``, …."""
    first, _, rest = command.partition(" ")
    if first in ("api", "bgapi"):
        return rest.partition(" ")[0].rstrip()
    word = first.partition("\n")[0]
    return "execute" if word == "sendmsg" else word


def linger(seconds: int) -> str:
    """The socket outlives the channel, so that its last events arrive."""
    return f"linger {int(seconds)}\n\n"


def myevents() -> str:
    """The events of the connection's own channel."""
    return "myevents\n\n"


def nixevent(names: tuple[str, ...] = UNUSED_EVENTS) -> str:
    """Takes kinds of events out of the subscription again."""
    return "nixevent " + " ".join(_match(_NAME, name, "an event's name") for name in names) + "\n\n"


def event_background_job() -> str:
    """Results of this connection's own ``bgapi`` arrive only after this (freeswitch.md §2)."""
    return "event plain BACKGROUND_JOB\n\n"


def event_endings() -> str:
    """On the control connection: every channel's end, and every leg that has come out of its
    bridge, also of one without its own connection."""
    return "event plain BACKGROUND_JOB CHANNEL_HANGUP_COMPLETE CHANNEL_PARK\n\n"


def connect() -> str:
    """Opens a connection that FreeSWITCH has made: it answers with all it knows of the channel."""
    return "connect\n\n"


def auth(password: str) -> str:
    """Logs in at FreeSWITCH's Event Socket."""
    if _CONTROL.search(password):
        raise BadArgument("the control password has a control character")
    return f"auth {password}\n\n"


def exit_() -> str:
    """Closes the connection from FreeSWITCH's side."""
    return "exit\n\n"


def execute(application: str, argument: str, identity: str) -> str:
    """Runs a dialplan application on the connection's channel.

    ``identity`` comes back as ``Application-UUID`` in the events that tell of it.
    """
    if application not in APPLICATIONS:
        raise BadArgument(f"{application!r} is not among the applications fsapp executes")
    return (
        "sendmsg\ncall-command: execute\n"
        f"execute-app-name: {application}\n"
        f"execute-app-arg: {_text(argument, 'an application argument')}\n"
        f"Event-UUID: {_uuid(identity)}\nasync: true\n\n"
    )


def api_hostname() -> str:
    """The cheapest question there is: FreeSWITCH's host name."""
    return "api hostname\n\n"


def api_exists(uuid: str) -> str:
    """Answers ``true`` or ``false``."""
    return f"api uuid_exists {_uuid(uuid)}\n\n"


def api_show_channels() -> str:
    """Answers every channel, up to 0.3 s late (measured), as JSON."""
    return "api show channels as json\n\n"


def api_dump(uuid: str) -> str:
    """Answers all headers and variables of a channel, percent-encoded, a line each."""
    return f"api uuid_dump {_uuid(uuid)}\n\n"


def fits(value: str) -> bool:
    """Whether a channel variable can be set to ``value``."""
    return _VALUE.fullmatch(value) is not None


def api_set(uuid: str, variables: Mapping[str, str]) -> str:
    """Sets channel variables; an empty value unsets."""
    pairs = ";".join(
        f"{_match(_NAME, name, 'a variable')}={_match(_VALUE, value, f'variable {name}')}"
        for name, value in variables.items()
    )
    return f"api uuid_setvar_multi {_uuid(uuid)} {pairs}\n\n"


def api_get(uuid: str, variable: str) -> str:
    """Answers the variable's value, or ``_undef_``."""
    return f"api uuid_getvar {_uuid(uuid)} {_match(_NAME, variable, 'a variable')}\n\n"


def api_bridge(a_leg: str, b_leg: str) -> str:
    """Begins to bridge; CHANNEL_BRIDGE comes on ``a_leg``'s connection only."""
    return f"api uuid_bridge {_uuid(a_leg)} {_uuid(b_leg)}\n\n"


def api_kill(uuid: str, cause: str = "NORMAL_CLEARING") -> str:
    return f"api uuid_kill {_uuid(uuid)} {_match(_CAUSE, cause, 'a cause')}\n\n"


def api_break(uuid: str) -> str:
    """Stops what the channel plays, and what waits behind it."""
    return f"api uuid_break {_uuid(uuid)} all\n\n"


def api_transfer(uuid: str, extension: str, context: str) -> str:
    """Sends the channel to an extension of the XML dialplan."""
    target = f"{_match(_WORD, extension, 'an extension')} XML {_match(_WORD, context, 'a context')}"
    return f"api uuid_transfer {_uuid(uuid)} {target}\n\n"


def api_transfer_marked(uuid: str, marks: Mapping[str, str], extension: str, context: str) -> str:
    """As :func:`api_transfer`; on the way, and not before, the channel's variables are set; an
    empty value unsets."""
    there = f"{_match(_WORD, extension, 'an extension')} XML {_match(_WORD, context, 'a context')}"
    sets = "".join(
        f"set:{_match(_NAME, name, 'a variable')}={_match(_MARK, mark, 'a mark')},"
        for name, mark in marks.items()
    )
    return f"api uuid_transfer {_uuid(uuid)} '{sets}transfer:{there}' inline\n\n"


def api_transfer_to_socket(uuid: str, address: str) -> str:
    """Has the channel connect to ``address``, whatever it does now."""
    target = f"'socket:{_match(_ADDRESS, address, 'an address')} async full' inline"
    return f"api uuid_transfer {_uuid(uuid)} {target}\n\n"


def bgapi_originate_to_socket(
    job: str, dial_string: str, variables: Variables, address: str
) -> str:
    """Dials; when answered, the new leg connects to ``address`` by itself."""
    application = f"&socket('{_match(_ADDRESS, address, 'an address')} async full')"
    return _originate(job, dial_string, variables, application)


def bgapi_originate_to_extension(
    job: str, dial_string: str, variables: Variables, extension: str, context: str
) -> str:
    """Dials; when answered, the new leg runs the extension of the XML dialplan."""
    target = f"{_match(_WORD, extension, 'an extension')} XML {_match(_WORD, context, 'a context')}"
    return _originate(job, dial_string, variables, target)


def _originate(job: str, dial_string: str, variables: Variables, then: str) -> str:
    dialled = _dialled(dial_string, variables)
    return f"bgapi originate {dialled} {then}\nJob-UUID: {_uuid(job)}\n\n"


def _dialled(dial_string: str, variables: Variables) -> str:
    inside = ",".join(
        f"{_match(_NAME, name, 'a variable')}={_quoted(name, value)}"
        for name, value in variables.items()
    )
    return f"{{{inside}}}{_match(DIAL_STRING, dial_string, 'a dial string')}"


def _quoted(name: str, value: str | Sequence[str]) -> str:
    """``'…'`` where a blank would end the originate's first argument, or a comma the variable."""
    parts = [value] if isinstance(value, str) else list(value)
    text = ",".join(_match(_VALUE, part, f"variable {name}") for part in parts)
    return f"'{text}'" if " " in text or "," in text else text


QUESTIONS = frozenset(
    {
        "file_exists",
        "global_getvar",
        "local_stream show",
        "module_exists",
        "sofia status profile",
        "sofia_contact",
        "strepoch",
        "timer_test",
        "user_data",
        "xml_locate",
    }
)
"""What ``fsapp doctor`` asks FreeSWITCH; none of it changes anything."""

_ARGUMENT = re.compile(r"[\w@./:*#+-]*")


def api_question(question: str, *arguments: str) -> str:
    """One of :data:`QUESTIONS`."""
    if question not in QUESTIONS:
        raise BadArgument(f"{question!r} is not among the questions")
    words = " ".join([question, *(_match(_ARGUMENT, word, "an argument") for word in arguments)])
    return f"api {words}\n\n"


def api_originate_to_extension(
    dial_string: str, variables: Variables, extension: str, context: str
) -> str:
    """Dials and waits for the answer; then the leg runs the extension of the XML dialplan."""
    target = f"{_match(_WORD, extension, 'an extension')} XML {_match(_WORD, context, 'a context')}"
    return f"api originate {_dialled(dial_string, variables)} {target}\n\n"


def api_ring(dial_string: str, seconds: int) -> str:
    """Rings a phone until it says that it rings (or is answered), for at most ``seconds``, and
    hangs up at once."""
    variables = {"return_ring_ready": "true", "originate_timeout": str(seconds)}
    return f"api originate {_dialled(dial_string, variables)} &hangup\n\n"
