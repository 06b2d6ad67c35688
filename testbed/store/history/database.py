# SPDX-License-Identifier: GPL-2.0-only
"""The connection to a results database: from a URL to an engine, and from what goes wrong to one line for a person."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from testbed.errors import HostError, SpecError

__all__ = ["Database"]

FORMS = "write sqlite:///FILE or postgresql+psycopg://USER@HOST:PORT/DATABASE"
SQLITE = ("sqlite", "sqlite+pysqlite")
POSTGRESQL = ("postgresql", "postgresql+psycopg")
# Who waits longer for another writer waits for one that is stuck.
PATIENCE_S = 60
CONNECT_S = 10
# "testbed" in ASCII, cut to fit: the one lock that writers of a history share.
ADVISORY_LOCK = int.from_bytes(b"testbed")


@dataclass(frozen=True)
class Database:
    """An engine and what may be printed of its URL: no password, no options."""

    engine: Engine
    shown: str

    @classmethod
    def of(cls, url: str) -> "Database":
        """Read a URL; nothing is connected to yet. SpecError for a bad URL, HostError where its driver lacks."""
        # what is wrong with a URL that can't be taken apart is told without it: its password may be anywhere
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):
            raise SpecError(f"--db: this is no URL; {FORMS}") from None
        if "@" in (parsed.host or ""):  # it may be the rest of a password
            raise SpecError("--db: there is an @ in the host; write that of a password as %40")
        if "plugin" in parsed.query:
            raise SpecError(f"--db: plugins of SQLAlchemy are not for a history; {FORMS}")
        if parsed.drivername in SQLITE:
            return cls(_sqlite(parsed), f"sqlite:///{parsed.database}")
        if parsed.drivername in POSTGRESQL:
            return cls(_postgresql(parsed), URL.create(**_printable(parsed)).render_as_string())
        raise SpecError(f"--db: no history is kept in {parsed.drivername}; {FORMS}")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database; HostError if the database fails."""
        with self._told(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                # a writer must not have this: its state would be that of before it waited for the lock
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes come all at once at the end, or not at all; only one writer is let in.

        HostError if the database fails, or if another writer does not end.
        """
        with self._told(), self.engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
                yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the driver says into one line; SQLAlchemy's own words would show statement and values."""
        try:
            yield
        except DBAPIError as error:
            words = " ".join(str(error.orig).split()) or type(error.orig).__name__
            if isinstance(error.orig, sqlite3.DatabaseError) and "not a database" in words:
                raise SpecError(
                    f"--db {self.shown}: the file is no database; name another, or one to be made"
                ) from error
            raise HostError(f"--db {self.shown}: {words}; {self._mend(words)}") from error

    def _mend(self, words: str) -> str:
        if "locked" in words or "lock timeout" in words:
            return "another process writes there and does not end; see which, and try again"
        if self.engine.dialect.name == "sqlite":
            return "see that file and folder can be written and the disk has room"
        return "see that the server runs and lets this user in"


def _sqlite(url: URL) -> Engine:
    if url.database in (None, "", ":memory:") or url.query:
        raise SpecError(f"--db: a history in SQLite is a file without options; {FORMS}")
    path = Path(url.database or "")
    if not path.parent.is_dir():
        raise SpecError(f"--db {url.database}: there is no folder {path.parent}; make it, or name a file elsewhere")
    engine = create_engine(url, connect_args={"timeout": PATIENCE_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver's guess
    connection.execute("PRAGMA foreign_keys = ON")
    _write_ahead(connection, time.monotonic() + PATIENCE_S)


def _write_ahead(connection: sqlite3.Connection, until: float) -> None:
    """Switch a new file to WAL, so that who reads does not wait for who writes.

    SQLite does not wait for its lock here as it does elsewhere: another process may just do the same.
    """
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return  # a file system without shared memory keeps its old mode, and works
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    """Begin for real; a writer takes its lock at once, as one who first reads can't become a writer behind another."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL) -> Engine:
    if not url.database:
        raise SpecError(f"--db: no database is named; {FORMS}")
    try:
        engine = create_engine(url.set(drivername=POSTGRESQL[1]), connect_args={"connect_timeout": CONNECT_S})
    except ModuleNotFoundError as error:
        raise HostError(f"--db: PostgreSQL needs {error.name}; pip install 'testbed[postgresql]'") from error
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _entry: ConnectionPoolEntry) -> None:
    """Let nobody wait for ever: neither for a lock, nor for a client whose host died in the middle of an import."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{PATIENCE_S}s'")
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{2 * PATIENCE_S}s'")
    connection.commit()


def _printable(url: URL) -> dict[str, Any]:
    return {
        "drivername": POSTGRESQL[1],
        "username": url.username,
        "host": url.host,
        "port": url.port,
        "database": url.database,
    }
