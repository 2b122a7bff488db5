"""The built-in lab switch: it speaks FreeSWITCH's end of the Event Socket.

Same wire, same order of events, same refusals as FreeSWITCH 1.10.12, with phones, callers and
faults that a script commands; see :class:`LabSwitch`. Knows nothing of the app.
"""

from fsapp.lab.clock import FREESWITCH, PROMPT, Latency, ManualClock
from fsapp.lab.switch import Caller, LabSwitch, LabTimeoutError, Phone

__all__ = [
    "FREESWITCH",
    "PROMPT",
    "Caller",
    "LabSwitch",
    "LabTimeoutError",
    "Latency",
    "ManualClock",
    "Phone",
]
