"""What the app has put on record, read from its database while it runs.

A change is shown before it is recorded (protocol §6: what is *answered* is on record), so whoever
has only seen it waits for its record.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from .app import App
from .expect import id_of
from .wait import wait_until


def on_record(app: App, call: Any, last: str) -> list[str]:
    """The names of the call's events in the order of their numbers, once ``last`` is among them."""
    return wait_until(
        lambda: _names(app, call), lambda names: last in names, promise=f"{last} is on record"
    )


def _names(app: App, call: Any) -> list[str]:
    query = "SELECT name FROM events WHERE call_id = ? ORDER BY number"
    with closing(sqlite3.connect(app.database)) as database:
        return [name for (name,) in database.execute(query, [id_of(call)])]


def offered(app: App, calls: Iterable[Any]) -> list[str]:
    """The ids of these calls in the order in which they connected with the app."""
    ids = {id_of(call) for call in calls}
    query = "SELECT call_id FROM events WHERE name = 'call_offer' ORDER BY number"
    with closing(sqlite3.connect(app.database)) as database:
        return [call for (call,) in database.execute(query) if call in ids]
