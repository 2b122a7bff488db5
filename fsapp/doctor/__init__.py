"""``fsapp doctor``: is this deployment right, and if not, what is to be mended, in order.

Nothing here changes anything, but for one test call (``test_call.py``) and, when asked for, the
ringing of the agents' phones. FreeSWITCH is asked over its own Event Socket, as fsapp itself would.
"""
