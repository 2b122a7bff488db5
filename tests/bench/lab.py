"""The lab switch in a process of its own: what it costs is neither the app's nor the bench's.

:class:`Lab` is the bench's end; each of its methods is carried out by :class:`_Lines` over there.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from fsapp.lab import LabSwitch
from fsapp.lab.people import Caller
from tests.acceptance.switches.lab import DIALPLAN
from tests.bench.aside import Aside
from tests.ports import free_address

NOTHING: Mapping[str, str] = {}
PASSWORD = "ClueCon"
LIMIT = 120.0
STAYS = 1.0
"""How many seconds a caller stays who comes and goes: long enough to be heard of."""


class _Lines:
    """The switch's process: callers by their call's id, and the switch itself."""

    def __init__(self) -> None:
        outbound = free_address()
        self.switch = LabSwitch(outbound, "127.0.0.1:0", PASSWORD, [DIALPLAN])
        self.switch.start()
        self.addresses = outbound, self.switch.control_address
        self._callers: dict[str, Caller] = {}
        self._over = threading.Event()
        self._coming: threading.Thread | None = None
        self._moments: dict[str, tuple[float, float]] = {}

    def place(self, count: int, per_second: float, variables: Mapping[str, str]) -> list[str]:
        """That many callers, at that pace; the ids of their calls."""
        begin, placed = time.monotonic(), []
        for number in range(count):
            time.sleep(max(0.0, begin + number / per_second - time.monotonic()))
            placed.append(self._arrives(variables))
        return placed

    def hang_up(self, call_ids: Iterable[str]) -> None:
        for call_id in call_ids:
            self._callers.pop(call_id).hang_up()

    def phones(self, extensions: Iterable[str], seconds: float) -> None:
        """These phones answer after ringing for so long."""
        for extension in extensions:
            self.switch.phone(extension).answers(after=seconds)

    def wait_down(self, extension: str) -> None:
        self.switch.phone(extension).wait_down(LIMIT)

    def wait_gone(self, call_ids: Iterable[str]) -> None:
        """Until these calls are over."""
        for call_id in call_ids:
            self._callers.pop(call_id).wait_ended(LIMIT)

    def connected(self) -> int:
        """Of how many channels the app hears."""

        def counted() -> int:
            sessions = self.switch.exchange.sessions
            heard = (one.channel for one in sessions if one.subscription.listens)
            return len({channel.uuid for channel in heard if channel is not None})

        return self.switch.do(counted)

    def come_and_go(self, per_second: float, variables: Mapping[str, str]) -> None:
        """From now on so many callers arrive each second, and hang up a moment later."""
        self._over.clear()
        self._moments.clear()
        self._coming = threading.Thread(target=self._bustle, args=(per_second, variables))
        self._coming.start()

    def stop_coming(self) -> dict[str, tuple[float, float]]:
        """When each call arrived and left (monotonic clock, the same in every process)."""
        assert self._coming is not None
        self._over.set()
        self._coming.join()
        return self._moments

    def _bustle(self, per_second: float, variables: Mapping[str, str]) -> None:
        begin, number, here = time.monotonic(), 0, deque[str]()
        while not self._over.wait(max(0.0, begin + number / per_second - time.monotonic())):
            number += 1
            if len(here) >= STAYS * per_second:
                self._leaves(here.popleft())
            arrived = time.monotonic()
            here.append(self._arrives(variables))
            self._moments[here[-1]] = (arrived, 0.0)
        while here:
            self._leaves(here.popleft())

    def _leaves(self, call_id: str) -> None:
        self._moments[call_id] = (self._moments[call_id][0], time.monotonic())
        self.hang_up([call_id])

    def _arrives(self, variables: Mapping[str, str]) -> str:
        caller = self.switch.place_call("5900", variables=variables)
        self._callers[caller.uuid] = caller
        return caller.uuid


def _serve(bench: Connection) -> None:
    # An app that stops or is killed leaves asyncio with thousands of sockets to complain about.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    lines = _Lines()
    bench.send(lines.addresses)
    try:
        while (wanted := bench.recv()) is not None:
            name, arguments = wanted
            try:
                bench.send((getattr(lines, name)(*arguments), None))
            except Exception as error:  # noqa: BLE001 - raised again in the bench's process
                bench.send((None, repr(error)))
    except EOFError:
        pass
    finally:
        lines.switch.stop()


class Lab:
    """A lab switch with its callers and phones. Its methods wait until it is done."""

    control_password = PASSWORD

    def __init__(self) -> None:
        self._aside = Aside(_serve)
        self.outbound_address, self.control_address = self._aside.told()
        self._lock = threading.Lock()

    def stop(self) -> None:
        self._aside.stop()

    def place(
        self, count: int = 1, per_second: float = 200, variables: Mapping[str, str] = NOTHING
    ) -> list[str]:
        """See :meth:`_Lines.place`."""
        placed: list[str] = self._do("place", count, per_second, dict(variables))
        return placed

    def hang_up(self, call_ids: Iterable[str]) -> None:
        self._do("hang_up", list(call_ids))

    def phones(self, extensions: Iterable[str], seconds: float = 0) -> None:
        self._do("phones", list(extensions), seconds)

    def wait_down(self, extension: str) -> None:
        self._do("wait_down", extension)

    def wait_gone(self, call_ids: Iterable[str]) -> None:
        self._do("wait_gone", list(call_ids))

    def connected(self) -> int:
        count: int = self._do("connected")
        return count

    def come_and_go(self, per_second: float, variables: Mapping[str, str] = NOTHING) -> None:
        self._do("come_and_go", per_second, dict(variables))

    def stop_coming(self) -> dict[str, tuple[float, float]]:
        moments: dict[str, tuple[float, float]] = self._do("stop_coming")
        return moments

    def _do(self, name: str, *arguments: object) -> Any:
        with self._lock:
            answer, error = self._aside.asked((name, arguments))
        if error is not None:
            raise RuntimeError(f"lab switch, {name}: {error}")
        return answer
