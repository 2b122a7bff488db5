"""The lab switch as a person uses it: start it, call in, have phones answer or not.

The law of this file: every method may be called from any thread; what it does happens on the
switch's own, and it returns when that is done.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from fsapp.lab.callers import call_in, hang_up
from fsapp.lab.channels import Channel
from fsapp.lab.clock import PROMPT, Clock, Latency, ManualClock, RealClock
from fsapp.lab.dialplan import Dialplan
from fsapp.lab.exchange import Exchange
from fsapp.lab.faults import Faults
from fsapp.lab.phones import PhoneSet

__all__ = ["Caller", "LabSwitch", "LabTimeoutError", "Phone"]

T = TypeVar("T")

_LIMIT = 5.0
_NOTHING: Mapping[str, str] = {}

PHONES = """
<extension name="lab_phones">
  <condition field="destination_number" expression="^(1[01][0-9]{2})$">
    <action application="bridge" data="user/$1"/>
  </condition>
</extension>
"""
"""What the lab's ``default`` context has beside the shipped dialplan: 1000-1199 are phones,
any other number is NO_ROUTE_DESTINATION."""


class LabTimeoutError(AssertionError):
    """Something waited for did not happen within its limit."""


class LabSwitch:
    """A stand-in for FreeSWITCH.

    ``outbound`` is where the dialplan's ``socket`` action connects (the app listens there),
    ``control`` where the switch listens as Event Socket (port 0: a free one, see
    :attr:`control_address`). Contexts ``public`` and ``default`` include every ``*.xml`` of
    ``dialplan_dirs``; ``contexts`` adds XML text of further extensions to a context.
    ``streams`` are the ``local_stream://`` sources there are.
    """

    def __init__(
        self,
        outbound: str = "127.0.0.1:8084",
        control: str = "127.0.0.1:8021",
        password: str = "ClueCon",
        dialplan_dirs: Sequence[Path | str] = (),
        *,
        contexts: Mapping[str, str] | None = None,
        streams: Iterable[str] = (),
        clock: Clock | None = None,
        latency: Latency = PROMPT,
    ) -> None:
        self.outbound_address = outbound
        self.control_address = control
        self.control_password = password
        self.clock: Clock = clock or RealClock()
        self._latency = latency
        self._streams = tuple(streams)
        self._settings = {"fsapp_socket": outbound, "domain": "127.0.0.1"}
        self._dialplan = self._read_dialplan(dialplan_dirs, contexts or {})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._exchange: Exchange | None = None

    def _read_dialplan(
        self, directories: Sequence[Path | str], contexts: Mapping[str, str]
    ) -> Dialplan:
        paths = [path for place in directories for path in sorted(Path(place).glob("*.xml"))]
        extra = {"public": "", "default": ""} | dict(contexts)
        extra["default"] += PHONES
        return Dialplan({"public": paths, "default": paths}, extra, self._settings)

    # -- starting and stopping ---------------------------------------------------------

    def start(self) -> None:
        """Start; returns when the switch listens."""
        loop = asyncio.new_event_loop()
        self._loop = loop
        self._thread = threading.Thread(target=self._run, args=(loop,), name="lab-switch")
        self._thread.start()
        try:
            self._call(self._begin())
        except BaseException:
            self._end_thread()
            raise

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    async def _begin(self) -> None:
        exchange = Exchange(
            self.clock,
            self._latency,
            self._dialplan,
            password=self.control_password,
            streams=self._streams,
            settings=self._settings,
        )
        host, _, port = self.control_address.rpartition(":")
        address, number = await exchange.listen(host, int(port))
        self.control_address = f"{address}:{number}"
        self._exchange = exchange

    def stop(self) -> None:
        """Stop; every connection is closed, no thread is left."""
        if self._thread is None:
            return
        if self._exchange is not None:
            self._call(self._exchange.stop())
        self._end_thread()
        self._exchange = None

    def _end_thread(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop = self._thread = None

    def __enter__(self) -> LabSwitch:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def exchange(self) -> Exchange:
        """The switch itself; to be touched on its own thread only, see :meth:`do`."""
        if self._exchange is None:
            raise RuntimeError("the lab switch is not running")
        return self._exchange

    def _call(self, work: Coroutine[None, None, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError("the lab switch is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def do(self, action: Callable[[], T]) -> T:
        """Run ``action`` on the switch's thread and answer its result."""

        async def acting() -> T:
            return action()

        return self._call(acting())

    def wait_for(self, holds: Callable[[], bool], promise: str, limit: float = _LIMIT) -> None:
        """Wait until ``holds()``, evaluated on the switch's thread after every change."""

        async def waiting() -> None:
            async with asyncio.timeout(limit):
                await self.exchange.wait_for(holds)

        try:
            self._call(waiting())
        except TimeoutError:
            raise LabTimeoutError(f"not within {limit} s: {promise}") from None

    def advance(self, seconds: float) -> None:
        """Let time pass on a :class:`ManualClock`."""
        assert isinstance(self.clock, ManualClock)
        self._call(self.clock.advance(seconds))

    # -- people ------------------------------------------------------------------------

    def place_call(
        self,
        destination: str = "5900",
        number: str = "2045550100",
        name: str = "Caller",
        variables: Mapping[str, str] = _NOTHING,
        *,
        context: str = "public",
    ) -> Caller:
        """Call in from outside; returns at once."""

        def calling() -> Channel:
            return call_in(
                self.exchange, destination, number, name, context=context, variables=variables
            )

        return Caller(self, self.do(calling))

    def phone(self, extension: str) -> Phone:
        """The phone behind ``user/<extension>``; a new one answers at once."""
        return Phone(self, self.do(lambda: self.exchange.phones.phone(extension)))

    @property
    def faults(self) -> Faults:
        """What goes wrong next; its methods may be called from any thread."""
        return self.exchange.faults

    # -- looking -----------------------------------------------------------------------

    def api(self, command: str) -> str:
        """The answer to an API command, as the Event Socket gives it."""

        async def answering() -> str:
            answer = self.exchange.command(command)
            return answer if isinstance(answer, str) else await answer

        return self._call(answering())

    def hears(self, uuid: str) -> str:
        """What a channel hears: a playback's source, its partner's uuid, or ``silence``."""

        def heard() -> str:
            channel = self.exchange.channels.get(uuid)
            return channel.hearing if channel is not None else "nothing"

        return self.do(heard)

    def wait_hears(self, uuid: str, what: str, limit: float = _LIMIT) -> None:
        """Wait until a channel hears ``what``."""

        def holds() -> bool:
            channel = self.exchange.channels.get(uuid)
            return channel is not None and channel.hearing == what

        self.wait_for(holds, f"{uuid} hears {what}", limit)

    def live_channels(self) -> list[str]:
        """Unique-IDs of the channels that are not hung up."""
        return self.do(
            lambda: [uuid for uuid, channel in self.exchange.channels.items() if not channel.down]
        )


class Caller:
    """Someone who called in."""

    def __init__(self, switch: LabSwitch, channel: Channel) -> None:
        self._switch = switch
        self._channel = channel
        self.uuid = channel.uuid
        self.number = channel.profile.caller_id_number

    def hang_up(self) -> None:
        """Hang up, answered or not."""
        self._switch.do(lambda: hang_up(self._channel))

    def presses(self, keys: str) -> None:
        """Press keys."""

        def pressing() -> None:
            for key in keys:
                self._channel.press(key)

        self._switch.do(pressing)

    @property
    def is_answered(self) -> bool:
        """Whether the switch answered her."""
        return self._switch.do(lambda: self._channel.is_answered)

    @property
    def state(self) -> str:
        """Her channel's state, e.g. ``CS_EXECUTE``."""
        return self._switch.do(lambda: self._channel.state.name)

    @property
    def hangup_cause(self) -> str | None:
        """Why her call ended; None while it has not."""
        return self._switch.do(lambda: self._channel.cause)

    def is_alive(self) -> bool:
        """Whether her call still exists."""
        return self._switch.do(lambda: not self._channel.down)

    def hears(self) -> str:
        """What she hears, see :meth:`LabSwitch.hears`."""
        return self._switch.do(lambda: self._channel.hearing)

    def wait_hears(self, what: str, limit: float = _LIMIT) -> None:
        """Wait until she hears ``what``."""
        promise = f"the caller hears {what}"
        self._switch.wait_for(lambda: self._channel.hearing == what, promise, limit)

    def wait_until(self, application: str, limit: float = _LIMIT) -> None:
        """Wait until her call executes ``application``."""
        promise = f"the call executes {application}"
        self._switch.wait_for(lambda: self._channel.application == application, promise, limit)

    def wait_ended(self, limit: float = _LIMIT) -> str:
        """Wait until her call is over; its cause."""
        self._switch.wait_for(
            lambda: self._channel.call_state == "HANGUP", "the caller's call ends", limit
        )
        return self.hangup_cause or ""


class Phone:
    """A phone and the person at it."""

    def __init__(self, switch: LabSwitch, phone: PhoneSet) -> None:
        self._switch = switch
        self._phone = phone
        self.extension = phone.extension

    def answers(self, after: float = 0.0) -> None:
        """Answer from now on, having rung for ``after`` seconds."""
        self._switch.do(lambda: self._phone.answers(after))

    def busy(self) -> None:
        """Refuse from now on: USER_BUSY."""
        self._switch.do(lambda: self._phone.refuses("USER_BUSY"))

    def refuses(self, cause: str) -> None:
        """Refuse from now on with any cause."""
        self._switch.do(lambda: self._phone.refuses(cause))

    def silent(self) -> None:
        """Ring from now on and never answer."""
        self._switch.do(self._phone.stays_silent)

    def unregistered(self) -> None:
        """Be unreachable from now on."""
        self._switch.do(self._phone.is_unregistered)

    def pick_up(self) -> None:
        """Answer what rings now."""
        self._switch.do(self._phone.pick_up)

    def hang_up(self) -> None:
        """Hang up as a person does."""
        self._switch.do(self._phone.hang_up)

    def die(self, cause: str = "MEDIA_TIMEOUT") -> None:
        """Lose every call by accident."""
        self._switch.do(lambda: self._phone.die(cause))

    def legs(self) -> list[str]:
        """Unique-IDs of the legs that lead here, ringing ones included."""
        return self._switch.do(lambda: [leg.uuid for leg in self._phone.legs])

    def wait_ringing(self, limit: float = _LIMIT) -> str:
        """Wait until it rings; the leg's Unique-ID."""
        return self._wait_leg(lambda leg: leg.is_ringing and not leg.is_answered, "rings", limit)

    def wait_up(self, limit: float = _LIMIT) -> str:
        """Wait until a call is up; the leg's Unique-ID."""
        return self._wait_leg(lambda leg: leg.is_answered, "is up", limit)

    def _wait_leg(self, fits: Callable[[Channel], bool], what: str, limit: float) -> str:
        found: list[str] = []

        def holds() -> bool:
            found[:] = [leg.uuid for leg in self._phone.legs if fits(leg) and not leg.down]
            return bool(found)

        self._switch.wait_for(holds, f"phone {self.extension} {what}", limit)
        return found[0]

    def wait_down(self, limit: float = _LIMIT) -> None:
        """Wait until no call rings or is up here."""
        promise = f"phone {self.extension} is down"
        self._switch.wait_for(lambda: not self._phone.legs, promise, limit)
