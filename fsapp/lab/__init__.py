"""The built-in lab switch: it speaks FreeSWITCH's end of the Event Socket.

Same wire, same order of events, same refusals as FreeSWITCH 1.10.12, with phones, callers and
faults that a script commands. Knows nothing of the app.

    with LabSwitch("127.0.0.1:8084", "127.0.0.1:0", dialplan_dirs=["dialplan"]) as lab:
        lab.phone("1101").answers(after=0.5)
        caller = lab.place_call("5900", "2045550100", "Ada", {"organization_id": "2"})
        lab.faults.drop_next("CHANNEL_BRIDGE")
        caller.hears()
        caller.hang_up()

Knowingly different from FreeSWITCH: no sound, so nothing is recorded or detected and codecs are
always PCMU; events are plain text only; ``socket`` without ``async`` behaves as with it; loopback
pairs never leave a call by themselves (as with ``loopback_bowout=false``); a dial string's ``,``
(several phones at once), groups and gateways, date and time conditions, hold, conferences and
queues do not exist; events nobody here reads (CHANNEL_OUTGOING, CALL_UPDATE, PLAYBACK_START,
PRIVATE_COMMAND, HEARTBEAT, presence) are never sent.
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
