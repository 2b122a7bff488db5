"""The drill: callers and agents at work while the app is killed again and again.

    python -m tests.drill [--switch freeswitch|lab] [--callers 30] [--agents 10] [--every 10]
                          [--seconds 300] [--break HARM]

The switch is not touched. Counted are callers dropped, conversations cut, calls lost from the
record, numbers dialled of which nobody can say what became, agents stuck and channels left over;
the exit status is 0 when all are zero. ``--break`` does one such harm on purpose: the drill must
notice.
"""
