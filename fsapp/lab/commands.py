"""The API commands of the lab switch that are about no single channel.

Source: the recordings (refused-commands, inbound-control-connection) and FreeSWITCH's own
answers, measured on 1.10.12.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from fsapp.lab import showing
from fsapp.lab.channel_commands import CHANNEL_COMMANDS
from fsapp.lab.dialplan import DialplanError
from fsapp.lab.originate import originate_command
from fsapp.lab.questions import QUESTIONS
from fsapp.lab.states import known_cause

if TYPE_CHECKING:
    from fsapp.lab.exchange import Exchange

__all__ = ["COMMANDS", "run_command"]

Command = Callable[["Exchange", str], str | Awaitable[str]]


def run_command(exchange: Exchange, text: str) -> str | Awaitable[str]:
    """Carry out one command line and answer what FreeSWITCH would, at once or later."""
    name, _, argument = text.partition(" ")
    function = COMMANDS.get(name)
    if function is None:
        return f"-ERR {name} Command not found!\n"
    refused = exchange.faults.refusal(name)
    return function(exchange, argument.strip()) if refused is None else refused


def hupall(exchange: Exchange, argument: str) -> str:
    """Hang up every channel."""
    cause = known_cause(argument.split(maxsplit=1)[0] if argument else "MANAGER_REQUEST")
    for channel in list(exchange.channels.values()):
        channel.hangup(cause)
    return f"+OK hangup all channels with cause {cause}\n"


def echo(_exchange: Exchange, argument: str) -> str:
    """What was given."""
    return argument


def hostname(_exchange: Exchange, _argument: str) -> str:
    """The switch's name."""
    return "lab"


def create_uuid(_exchange: Exchange, _argument: str) -> str:
    """A new uuid."""
    return showing.new_uuid()


def global_getvar(exchange: Exchange, argument: str) -> str:
    """A global variable."""
    return exchange.settings.get(argument, "")


def global_setvar(exchange: Exchange, argument: str) -> str:
    """Set a global variable, ``name=value``."""
    name, _, value = argument.partition("=")
    exchange.settings[name] = value
    return "+OK\n"


def strmicroepoch(exchange: Exchange, _argument: str) -> str:
    """The time in Unix microseconds; dates cannot be converted here."""
    return str(int(exchange.clock.now() * 1_000_000))


def reloadxml(exchange: Exchange, _argument: str) -> str:
    """Read the dialplan's files again; what there was stays when they cannot be read."""
    try:
        exchange.dialplan.reload()
    except (DialplanError, OSError) as error:
        return f"-ERR [{error}]\n"
    return "+OK [Success]\n"


COMMANDS: dict[str, Command] = {
    **CHANNEL_COMMANDS,
    **QUESTIONS,
    "create_uuid": create_uuid,
    "echo": echo,
    "global_getvar": global_getvar,
    "global_setvar": global_setvar,
    "hostname": hostname,
    "hupall": hupall,
    "originate": originate_command,
    "reloadxml": reloadxml,
    "show": showing.show,
    "status": showing.status,
    "strmicroepoch": strmicroepoch,
    "version": showing.version,
}
"""Every API command by name."""
