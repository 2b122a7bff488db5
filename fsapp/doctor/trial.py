"""One call through the real dialplan into the queue, back to it by the return point, and out again.

It is for an organization that no agent serves, so nobody sees or answers it; the caller is
FreeSWITCH's endpoint ``null``. It stays in the history, as a call that was given up.

The way back is the one by which fsapp fetches a caller (``desk/fetches.py``). When she has arrived
fsapp empties ``fsapp_attempts``, so what the doctor has put in there before says whether she has.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

from fsapp.calls.call import Call, State
from fsapp.doctor.check_dialplan import inbound, may_lead_back
from fsapp.doctor.deployment import Deployment
from fsapp.doctor.dialplan import RETURN_POINT, number_for
from fsapp.doctor.finding import Finding, Verdict, good, problem, unknown, warning
from fsapp.store.calls import Calls
from fsapp.store.database import Database
from fsapp.switch import commands

__all__ = ["ORGANIZATION", "check"]

ORGANIZATION = 999_999_999
"""Nobody's: organizations are numbered by people."""
LIMIT_SECONDS = 15.0
"""For each way: into the queue, back to it, and out."""
SLOW_SECONDS = 3.0
"""FreeSWITCH's example configuration lets each call of context ``default`` wait for ten."""
_LOOK_SECONDS = 0.05
_ATTEMPTS = "fsapp_attempts"
_MARK = "doctor"
_UNSET = "_undef_"

Wait = Callable[[float], None]


def check(deployment: Deployment, wait: Wait = time.sleep) -> Iterator[Finding]:
    """Calls the first number of each extension that hands calls to fsapp."""
    path = deployment.settings.database.path
    for entry, context in inbound(deployment):
        number = number_for(entry, context)
        where = f"extension {entry.name} in context {entry.context}"
        if number is None:
            yield unknown("call", f"No number is known that reaches {where}.")
            continue
        back = may_lead_back(deployment, entry.context)
        with closing(Database(path)) as database:
            trial = Trial(deployment, Calls(database, "doctor"), wait)
            yield from trial.tried(number, entry.context, back=back)


class Trial:
    """One test call, and what the database and FreeSWITCH show of it."""

    def __init__(self, deployment: Deployment, calls: Calls, wait: Wait) -> None:
        self._deployment = deployment
        self._calls = calls
        self._wait = wait
        self._id = str(uuid.uuid4())

    def tried(self, number: str, context: str, *, back: bool) -> Iterator[Finding]:
        """Made, followed and ended; with ``back`` it is also sent to the return point."""
        said = f"A call to {number} in context {context}"
        answer = self._made(number, context)
        if not answer.startswith("+OK"):
            yield problem("call", f"{said} could not be made: {answer}.", "see FreeSWITCH's log")
            return
        try:
            finding = self._followed(said, back=back)
        finally:
            self._deployment.switch.ask(commands.api_kill(self._id))
        yield finding if finding.verdict is Verdict.PROBLEM else self._ended(said, finding)
        if not back:
            what = f"Whether calls in context {context} come back to the queue is not tried"
            yield unknown("call", f"{what} until its return point is mended.")

    def _made(self, number: str, context: str) -> str:
        variables = {
            "origination_uuid": self._id,
            "origination_caller_id_name": "fsapp doctor",
            "organization_id": str(ORGANIZATION),
        }
        command = commands.api_originate_to_extension("null/doctor", variables, number, context)
        return self._deployment.switch.ask(command)

    def _followed(self, said: str, *, back: bool) -> Finding:
        began = time.monotonic()
        call = self._gets(State.QUEUED)
        took = time.monotonic() - began
        if call is None:
            path = self._deployment.settings.database.path
            mend = f"see that fsapp uses {path}, and what its log and FreeSWITCH's say"
            return problem("call", f"{said} did not get into the queue.", mend)
        lost = self._sent_back(call) if back else None
        if lost is not None:
            way = f"did not come back to the queue by {RETURN_POINT}"
            what = f"{said} was queued, but {way}: {lost}."
            mend = f"see what FreeSWITCH's log says of {self._id}; use dialplan/fsapp_return.xml"
            return problem("call", what, mend)
        return _queued(said, took, back=back)

    def _ended(self, said: str, finding: Finding) -> Finding:
        """``finding``, if fsapp notices that the call has been hung up."""
        if self._gets(State.HUNGUP) is not None:
            return finding
        what = f"{said} was queued, but its end was not noticed."
        return problem("call", what, f"see fsapp's log for the call's id: {self._id}")

    def _sent_back(self, call: Call) -> str | None:
        """Sends it to the return point; why it is not queued again as it was, ``None`` if it is."""
        ask = self._deployment.switch.ask
        # Set by fsapp on arrival, behind _ATTEMPTS: then that is not emptied for the first arrival.
        if not self._sees(lambda: self._variable("fsapp_state") != _UNSET):
            return "fsapp has not marked its channel"
        ask(commands.api_set(self._id, {_ATTEMPTS: _MARK}))
        answer = ask(commands.api_transfer(self._id, RETURN_POINT, call.context))
        if not answer.startswith("+OK"):
            return f"FreeSWITCH says {answer or 'nothing'}"
        self._sees(lambda: self._has_ended() or self._variable(_ATTEMPTS) == _UNSET)
        return self._why_not_as_before(call)

    def _why_not_as_before(self, call: Call) -> str | None:
        now = self._call()
        if now is None or now.state is State.HUNGUP:
            return "it was hung up on"
        if self._variable(_ATTEMPTS) != _UNSET:
            return f"it did not arrive within {LIMIT_SECONDS:.0f} s"
        same = (now.state, now.arrival) == (State.QUEUED, call.arrival)
        return None if same else "it has lost its place"

    def _has_ended(self) -> bool:
        call = self._call()
        return call is None or not call.live

    def _call(self) -> Call | None:
        """As it is on record."""
        return self._calls.find(self._id)

    def _variable(self, name: str) -> str:
        """Of its channel; an error when there is no channel any more."""
        return self._deployment.switch.ask(commands.api_get(self._id, name))

    def _gets(self, state: State) -> Call | None:
        """The call as it is in ``state``, if it gets there within the limit."""
        reached = self._sees(lambda: (call := self._call()) is not None and call.state is state)
        return self._call() if reached else None

    def _sees(self, look: Callable[[], bool]) -> bool:
        """Whether ``look`` gets true within the limit."""
        for _ in range(int(LIMIT_SECONDS / _LOOK_SECONDS)):
            if look():
                return True
            self._wait(_LOOK_SECONDS)
        return False


def _queued(said: str, took: float, *, back: bool) -> Finding:
    if took >= SLOW_SECONDS:
        mend = (
            "see which extension before it makes calls wait; in FreeSWITCH's example configuration "
            "one of context default does until default_password in vars.xml is changed"
        )
        return warning("call", f"{said} took {took:.1f} s to get into the queue.", mend)
    way = f"came back to its place by {RETURN_POINT}, " if back else ""
    what = f"{said} was queued in {took:.1f} s, {way}and ended when it was hung up."
    return good("call", what)
