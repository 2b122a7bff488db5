"""The desk on the lab switch in one thread's hand: a world in which chance decides what is next.

Everything that could happen at the same time (bytes on each connection, threads that may go on,
commits, timers) is a choice here, drawn from one seed. The same seed gives the same story.
"""
