"""Bare handlers of the same call, each as its library's documentation shows: answer, tone, hang up.

Each is a program: ``<program> <port> <tone>`` listens on loopback, prints its process id once it
does, and runs until it is ended. None of them keeps track of anything.
"""
