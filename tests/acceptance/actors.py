"""Who takes part: callers, agents, phones, and one who only watches.

Their verbs read like the use case. A verb without "tries" or "asks" in its name asserts that
it worked. Whatever an actor waits for has a limit and names what was seen last (wait.py).
"""

from typing import Any, cast

from .client import Answer, Client
from .desk import Call, Desk
from .expect import Refused, id_of
from .hearing import Event, Stream
from .meanwhile import Pending, together
from .switches.base import CallerLine, PhoneLine, Switch
from .wait import LIMIT, wait_for, wait_until

__all__ = ["Agent", "Caller", "Callers", "Desk", "Phone", "together"]

WAITING = ("music", "tone")
"""What a waiting caller may hear: the music, or the soft tone where there is no such source."""

READING = ("list", "queue", "state")
"""The verbs that are asked for with GET; the others are commands."""


class Caller:
    """A customer who called in."""

    def __init__(self, switch: Switch, desk: Desk, line: CallerLine) -> None:
        self._switch = switch
        self._desk = desk
        self.line = line

    @property
    def id(self) -> str:
        """The call's id: the uuid of her channel."""
        return self.line.uuid

    @property
    def call(self) -> Call:
        """Her call as `/call/state` shows it."""
        call = self._desk.call(self.id)
        assert call is not None, f"{self.id} is unknown"
        return call

    def is_queued(self, limit: float = LIMIT) -> Call:
        """Wait until she waits in the queue."""
        return self._desk.sees(self.id, "queued", limit)

    def hears_now(self) -> str:
        """What she hears at this moment."""
        return self._switch.hears(self.id)

    def hears(self, *sounds: str, limit: float = LIMIT) -> str:
        """Wait until she hears one of ``sounds``; "music" stands for what the waiting hear."""
        wanted = {kind for sound in sounds for kind in (WAITING if sound == "music" else [sound])}
        return wait_until(
            self.hears_now, lambda heard: heard in wanted, limit=limit, promise=f"hears {wanted}"
        )

    def hangs_up(self) -> None:
        """Hang up, and be gone from the switch."""
        self.line.hang_up()
        self.line.wait_ended()

    def is_cut_off(self, limit: float = LIMIT) -> str:
        """Wait until her line has ended; FreeSWITCH's cause."""
        return self.line.wait_ended(limit)

    def is_on_the_line(self) -> bool:
        return self.line.is_alive()


class Callers:
    """Everybody out there who may call in."""

    def __init__(self, switch: Switch, desk: Desk) -> None:
        self._switch = switch
        self._desk = desk

    def calls(
        self,
        destination: str = "5900",
        *,
        number: str = "2045550100",
        name: str = "Caller",
        **variables: str,
    ) -> Caller:
        """Somebody calls; ``variables`` are the channel variables her dialplan sets."""
        line = self._switch.place_call(destination, number=number, name=name, variables=variables)
        return Caller(self._switch, self._desk, line)

    def waits(self, destination: str = "5900", **details: str) -> Caller:
        """Somebody calls and waits in the queue."""
        caller = self.calls(destination, **details)
        caller.is_queued()
        return caller

    def wait_in_turn(self, count: int) -> list[Caller]:
        """``count`` people call one after the other and wait."""
        return [self.waits(number=f"204555{1000 + number}") for number in range(count)]


class Phone:
    """A phone, of an agent or of an outside party."""

    def __init__(self, switch: Switch, extension: str) -> None:
        self._switch = switch
        self.line: PhoneLine = switch.phone(extension)
        self.extension = extension

    def answers(self) -> None:
        self.line.answers()

    def answers_after_ringing(self, seconds: float) -> None:
        self.line.answers_after_ringing(seconds)

    def is_busy(self) -> None:
        self.line.is_busy()

    def stays_silent(self) -> None:
        self.line.stays_silent()

    def is_unregistered(self) -> None:
        self.line.is_unregistered()

    def hangs_up(self) -> None:
        """Its person hangs up."""
        self.line.hang_up()

    def dies(self) -> None:
        """It loses its call by accident."""
        self.line.dies()

    def rings(self, limit: float = LIMIT) -> str:
        """Wait until it rings; the leg's uuid."""
        return self.line.wait_ringing(limit)

    def is_up(self, limit: float = LIMIT) -> str:
        """Wait until it is answered; the leg's uuid."""
        return self.line.wait_up(limit)

    def is_quiet(self, limit: float = LIMIT) -> None:
        """Wait until it neither rings nor is up."""
        self.line.wait_down(limit)

    def legs(self) -> list[str]:
        return self.line.legs()

    def hears(self, sound: str) -> None:
        """Wait until whoever holds it hears ``sound``."""
        wait_until(
            lambda: [self._switch.hears(leg) for leg in self.legs()],
            lambda heard: heard == [sound],
            promise=f"phone {self.extension} hears {sound}",
        )


class Agent:
    """One agent: her client on HTTP and her phone."""

    def __init__(self, id_: str, extension: str, token: str) -> None:
        self.id = id_
        self.extension = extension
        self.dial_string = f"user/{extension}"
        self.client = Client("", token)
        self._switch: Switch | None = None
        self._desk: Desk | None = None
        self._phone: Phone | None = None
        self._stream: Stream | None = None

    def comes_to_work(self, desk: Desk, switch: Switch) -> "Agent":
        """Turn to the app that runs now."""
        if self.client.address != desk.app.address:
            self.client.moves_to(desk.app.address)
        self._desk, self._switch = desk, switch
        return self

    @property
    def desk(self) -> Desk:
        assert self._desk is not None, f"{self.id} is not at work"
        return self._desk

    @property
    def phone(self) -> Phone:
        assert self._switch is not None, f"{self.id} is not at work"
        if self._phone is None:
            self._phone = Phone(self._switch, self.extension)
        return self._phone

    def asks(self, verb: str, call: Any = None, *, key: str = "", **parameters: object) -> Answer:
        """Send one request of `/call/…` and answer whatever comes back."""
        if call is not None:
            parameters["source" if verb == "transfer" else "call_id"] = id_of(call)
        return self.client.request(
            "GET" if verb in READING else "POST",
            f"/call/{verb}",
            query=parameters,
            headers={"Idempotency-Key": key} if key else None,
        )

    def starts(self, verb: str, call: Any = None, **parameters: Any) -> Pending:
        """Send a request and do not wait for its answer."""
        pending = Pending(lambda: self.asks(verb, call, **parameters))
        self.desk.pending.append(pending)
        return pending

    def does(self, verb: str, call: Any = None, **parameters: Any) -> Answer:
        """Send a request; it must be carried out."""
        answer = self.asks(verb, call, **parameters)
        assert answer.code == 200, f"{self.id}: {verb}: {answer}"
        return answer

    def picks_up(self, call: Any = None) -> Call:
        """Pick up this call, or the next one; the call object."""
        return cast(Call, self.client.pickup(None if call is None else id_of(call)))

    def parks(self, call: Any = None) -> Call:
        return cast(Call, self.client.park(None if call is None else id_of(call)))

    def unparks(self, call: Any) -> Call:
        return cast(Call, self.client.unpark(id_of(call)))

    def hangs_up(self, call: Any = None) -> Call:
        return cast(Call, self.client.hangup(None if call is None else id_of(call)))

    def dials(self, extension: str, *, key: str = "") -> Call:
        return cast(Call, self.client.originate(extension, key=key or None))

    def transfers(self, source: Any) -> dict[str, Any]:
        return cast("dict[str, Any]", self.client.transfer(id_of(source)))

    def is_refused(
        self, refused: Refused, verb: str, call: Any = None, **parameters: Any
    ) -> Answer:
        """Her request gets exactly this refusal, and it changes nothing."""
        self.desk.switch.settle()
        before = self.desk.settled_picture()
        answer = self.asks(verb, call, **parameters)
        refused.check(answer)
        after = self.desk.picture()
        if refused.status == "phone unavailable":
            # Her claim and its end are on record: it took ringing her phone to find out.
            after["last event"] = before["last event"]
        assert after == before, f"{verb}: the refusal {answer} changed something"
        return answer

    def calls_the_outside(self, outside: Phone, *, key: str = "") -> Call:
        """Dial an outside party and speak with it."""
        call = self.dials(outside.extension, key=key)
        return self.desk.sees(call, "speaking")

    def listens(self, after: int | None = None) -> Stream:
        """Open her event stream (``after``: again, from that event on); what she hears is of it."""
        self.stops_listening()
        # It asks the database, behind all that has happened: else the stream might begin with it.
        self.client.get("/readyz")
        self._stream = Stream(self.client.address, self.client.token, after)
        self._stream.hears("calls")
        return self._stream

    def stops_listening(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def hears_of(self, call: Any, *names: str) -> list[Event]:
        """Wait for the next events about this call: exactly these, in this order."""
        assert self._stream is not None, f"{self.id} does not listen"
        heard: list[Event] = []
        while len(heard) < len(names):
            event = self._stream.next()
            if event.data.get("call", {}).get("id") == id_of(call):
                heard.append(event)
                assert [one.name for one in heard] == list(names[: len(heard)])
        return heard

    def is_now(self) -> dict[str, Any]:
        """Her agent object."""
        return cast("dict[str, Any]", self.client.agent())

    def is_free(self, limit: float = LIMIT) -> None:
        """Wait until she is idle, with neither a current nor a parked call."""
        wait_for(
            lambda: [self.is_now()[key] for key in ("state", "current_call", "parked_calls")],
            ["idle", None, []],
            limit=limit,
            promise=f"{self.id} is free",
        )

    def speaks_with(self, call: Any, limit: float = LIMIT) -> None:
        """Wait until her phone and the customer's channel are joined on the switch."""
        switch = self._switch
        assert switch is not None
        wait_until(
            lambda: (switch.hears(id_of(call)), self.phone.legs()),
            lambda seen: seen[0] in seen[1],
            limit=limit,
            promise=f"{self.id} speaks with {id_of(call)}",
        )
