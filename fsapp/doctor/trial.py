"""One call through the real dialplan into the queue, and out again.

It is for an organization that no agent serves, so nobody sees or answers it; the caller is
FreeSWITCH's endpoint ``null``. It stays in the history, as a call that was given up.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

from fsapp.calls.call import Call, State
from fsapp.doctor.check_dialplan import inbound
from fsapp.doctor.deployment import Deployment
from fsapp.doctor.dialplan import number_for
from fsapp.doctor.finding import Finding, good, problem, unknown, warning
from fsapp.store.calls import Calls
from fsapp.store.database import Database
from fsapp.switch import commands

__all__ = ["ORGANIZATION", "check"]

ORGANIZATION = 999_999_999
"""Nobody's: organizations are numbered by people."""
LIMIT_SECONDS = 15.0
SLOW_SECONDS = 3.0
"""FreeSWITCH's example configuration lets each call of context ``default`` wait for ten."""
_LOOK_SECONDS = 0.05

Wait = Callable[[float], None]


def check(deployment: Deployment, wait: Wait = time.sleep) -> Iterator[Finding]:
    """Calls the first number of each extension that hands calls to fsapp."""
    for entry, context in inbound(deployment):
        number = number_for(entry, context)
        where = f"extension {entry.name} in context {entry.context}"
        if number is None:
            yield unknown("call", f"No number is known that reaches {where}.")
        else:
            yield _call(deployment, number, entry.context, wait)


def _call(deployment: Deployment, number: str, context: str, wait: Wait) -> Finding:
    call_id = str(uuid.uuid4())
    variables = {
        "origination_uuid": call_id,
        "origination_caller_id_name": "fsapp doctor",
        "organization_id": str(ORGANIZATION),
    }
    command = commands.api_originate_to_extension("null/doctor", variables, number, context)
    answer = deployment.switch.ask(command)
    said = f"A call to {number} in context {context}"
    if not answer.startswith("+OK"):
        return problem("call", f"{said} could not be made: {answer}.", "see FreeSWITCH's log")
    path = deployment.settings.database.path
    with closing(Database(path)) as database:
        seen = Seen(Calls(database, "doctor"), call_id, wait)
        began = time.monotonic()
        queued = seen.gets(State.QUEUED)
        took = time.monotonic() - began
        deployment.switch.ask(commands.api_kill(call_id))
        if not queued:
            mend = f"see that fsapp uses {path}, and what its log and FreeSWITCH's say"
            return problem("call", f"{said} did not get into the queue.", mend)
        if not seen.gets(State.HUNGUP):
            what = f"{said} was queued, but its end was not noticed."
            return problem("call", what, "see fsapp's log for the call's id: " + call_id)
    return _queued(said, took)


def _queued(said: str, took: float) -> Finding:
    if took < SLOW_SECONDS:
        return good("call", f"{said} was queued in {took:.1f} s, and ended when it was hung up.")
    mend = (
        "see which extension before it makes calls wait; in FreeSWITCH's example configuration one "
        "of context default does until default_password in vars.xml is changed"
    )
    return warning("call", f"{said} took {took:.1f} s to get into the queue.", mend)


class Seen:
    """What the database shows of one call."""

    def __init__(self, calls: Calls, call_id: str, wait: Wait) -> None:
        self._calls = calls
        self._call_id = call_id
        self._wait = wait

    def gets(self, state: State) -> bool:
        """Whether the call gets into ``state``, within the limit."""
        for _ in range(int(LIMIT_SECONDS / _LOOK_SECONDS)):
            call: Call | None = self._calls.find(self._call_id)
            if call is not None and call.state is state:
                return True
            self._wait(_LOOK_SECONDS)
        return False
