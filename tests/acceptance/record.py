"""What the app has put on record, read from its database while it runs."""

import sqlite3
from contextlib import closing
from typing import Any

from .app import App
from .expect import id_of


def events(app: App, call: Any) -> list[str]:
    """The names of the call's events, in the order of their numbers."""
    query = "SELECT name FROM events WHERE call_id = ? ORDER BY number"
    with closing(sqlite3.connect(app.database)) as database:
        return [name for (name,) in database.execute(query, [id_of(call)])]
