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

from fsapp.lab.callers import call_in
from fsapp.lab.channels import Channel
from fsapp.lab.clock import PROMPT, Clock, Latency, ManualClock, RealClock
from fsapp.lab.dialplan import Dialplan
from fsapp.lab.exchange import Exchange
from fsapp.lab.faults import Faults
from fsapp.lab.people import LIMIT, Caller, Phone

__all__ = ["Caller", "LabSwitch", "LabTimeoutError", "Phone"]

T = TypeVar("T")

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
        paths = [Path(place) for place in directories]
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

    def wait_for(self, holds: Callable[[], bool], promise: str, limit: float = LIMIT) -> None:
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

    def wait_hears(self, uuid: str, what: str, limit: float = LIMIT) -> None:
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
