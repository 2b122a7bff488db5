"""The database's tables, as migrations from the first version on.

The law of this file: a migration that has been released is never changed, only followed by
another. Every row names its ``node``, the process that holds the call's socket.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

__all__ = ["MIGRATIONS"]

MIGRATIONS = Migrations("fsapp")


@MIGRATIONS(name="0001_calls")
def _calls(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE calls (
            id TEXT PRIMARY KEY,
            node TEXT NOT NULL,
            state TEXT NOT NULL,
            inbound INTEGER NOT NULL,
            destination TEXT NOT NULL,
            caller_id TEXT NOT NULL,
            caller_name TEXT NOT NULL,
            organization_id INTEGER NOT NULL,
            arrival REAL NOT NULL,
            b_leg TEXT,
            assigned_to TEXT,
            locked INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            head INTEGER NOT NULL,
            cm_id INTEGER,
            context TEXT NOT NULL,
            music TEXT NOT NULL,
            answered_at INTEGER,
            bridged_at INTEGER,
            parked_at INTEGER,
            ended_at INTEGER,
            hangup_cause TEXT,
            handled_by TEXT NOT NULL
        ) WITHOUT ROWID
        """
    )
    database.execute("CREATE INDEX live_calls ON calls (state) WHERE state <> 'hungup'")
    # No agent is ever in two calls: what the guard promises, the database enforces.
    database.execute(
        """
        CREATE UNIQUE INDEX one_current_call ON calls (assigned_to)
        WHERE assigned_to IS NOT NULL AND state IN ('transferring', 'ringing', 'speaking')
        """
    )


@MIGRATIONS(name="0002_events")
def _events(database: Database) -> None:
    # AUTOINCREMENT: a number is never given twice, also not after old events were removed.
    database.execute(
        """
        CREATE TABLE events (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            timestamp REAL NOT NULL,
            node TEXT NOT NULL,
            organization_id INTEGER,
            call_id TEXT,
            agent_id TEXT,
            document TEXT NOT NULL
        )
        """
    )
    database.execute("CREATE INDEX events_of_call ON events (call_id, number)")


@MIGRATIONS(name="0003_agents")
def _agents(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE agents (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            phone TEXT NOT NULL,
            role TEXT NOT NULL,
            organizations TEXT NOT NULL,
            token_hash TEXT UNIQUE,
            paused INTEGER NOT NULL DEFAULT 0,
            pause_reason TEXT,
            state_since INTEGER NOT NULL,
            removed_at INTEGER
        )
        """
    )


@MIGRATIONS(name="0004_contacts")
def _contacts(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE contacts (
            cm_id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            number TEXT NOT NULL,
            organization_id INTEGER NOT NULL
        )
        """
    )


@MIGRATIONS(name="0005_idempotency")
def _idempotency(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE idempotency (
            agent_id TEXT NOT NULL,
            key TEXT NOT NULL,
            call_id TEXT NOT NULL,
            target TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (agent_id, key)
        ) WITHOUT ROWID
        """
    )


@MIGRATIONS(name="0006_organizations")
def _organizations(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE organizations (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            greeting TEXT NOT NULL
        )
        """
    )


@MIGRATIONS(name="0007_contact_words")
def _contact_words(database: Database) -> None:
    # The words of contacts' names and numbers, found by how they begin. SQLite keeps the index in
    # step through the triggers, whoever writes to contacts.
    for statement in (
        """
        CREATE VIRTUAL TABLE contact_words USING fts5 (
            name, number, content = 'contacts', content_rowid = 'cm_id',
            tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
        )
        """,
        "INSERT INTO contact_words (contact_words) VALUES ('rebuild')",
        """
        CREATE TRIGGER contact_words_insert AFTER INSERT ON contacts BEGIN
            INSERT INTO contact_words (rowid, name, number)
            VALUES (new.cm_id, new.name, new.number);
        END
        """,
        """
        CREATE TRIGGER contact_words_delete AFTER DELETE ON contacts BEGIN
            INSERT INTO contact_words (contact_words, rowid, name, number)
            VALUES ('delete', old.cm_id, old.name, old.number);
        END
        """,
        """
        CREATE TRIGGER contact_words_update AFTER UPDATE ON contacts BEGIN
            INSERT INTO contact_words (contact_words, rowid, name, number)
            VALUES ('delete', old.cm_id, old.name, old.number);
            INSERT INTO contact_words (rowid, name, number)
            VALUES (new.cm_id, new.name, new.number);
        END
        """,
    ):
        database.execute(statement)


@MIGRATIONS(name="0008_agent_revision")
def _agent_revision(database: Database) -> None:
    # Grows with every change of the row: of two readings of an agent one knows the newer.
    database.execute("ALTER TABLE agents ADD COLUMN revision INTEGER NOT NULL DEFAULT 0")


@MIGRATIONS(name="0009_waiting_limits")
def _waiting_limits(database: Database) -> None:
    for column in ("recall_at", "overflow_at", "overflowed_at"):
        database.execute(f"ALTER TABLE calls ADD COLUMN {column} INTEGER")


@MIGRATIONS(name="0010_history")
def _history(database: Database) -> None:
    for statement in (
        "ALTER TABLE calls ADD COLUMN waited INTEGER",
        "ALTER TABLE calls ADD COLUMN outcome TEXT",
        # Calls on record from before: the same as calls/outcome.py, as far as events can tell.
        """
        UPDATE calls SET waited = max(0, CAST(coalesce(
            (SELECT min(timestamp) FROM events WHERE call_id = calls.id AND name = 'call_state'),
            ended_at) AS INTEGER) - CAST(arrival AS INTEGER))
        WHERE inbound AND (state = 'hungup' OR handled_by <> '[]')
        """,
        """
        UPDATE calls SET outcome = CASE
            WHEN overflowed_at IS NOT NULL THEN 'overflowed'
            WHEN EXISTS (SELECT 1 FROM events WHERE call_id = calls.id AND name = 'call_transfer')
                THEN 'transferred'
            WHEN NOT inbound THEN iif(bridged_at IS NULL, 'failed', 'answered')
            ELSE iif(handled_by = '[]', 'abandoned', 'answered') END
        WHERE state = 'hungup'
        """,
        # All that the history filters by, so that it looks up no row it does not show. Ended calls
        # only: the changes of a live call do not touch it.
        """
        CREATE INDEX history ON calls (
            organization_id, arrival, id, inbound, outcome, waited, caller_id, destination,
            handled_by, state
        ) WHERE state = 'hungup'
        """,
        "CREATE INDEX ended_calls ON calls (ended_at) WHERE state = 'hungup'",
        "CREATE INDEX keys_of_call ON idempotency (call_id)",
    ):
        database.execute(statement)


@MIGRATIONS(name="0011_removed_events")
def _removed_events(database: Database) -> None:
    # Old events are removed call by call, not in the order of their numbers: up to which number
    # something is missing, only whoever removes can tell.
    for statement in (
        "CREATE TABLE removed_events (highest INTEGER NOT NULL)",
        "INSERT INTO removed_events SELECT coalesce(min(number), 1) - 1 FROM events",
        """
        CREATE TRIGGER event_removed AFTER DELETE ON events BEGIN
            UPDATE removed_events SET highest = old.number WHERE highest < old.number;
        END
        """,
    ):
        database.execute(statement)
