# SPDX-License-Identifier: GPL-2.0-only
"""A history that is open: what the rest of the testbed asks of it, each call a transaction of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import update

from testbed.judge.trend import Series
from testbed.store.folder import RunFolder
from testbed.store.history.database import Database
from testbed.store.history.importer import Imported, read_run, store_run
from testbed.store.history.migrate import bring_up_to_date
from testbed.store.history.query import Pick, RunRow, run_rows, series
from testbed.store.history.tables import Run

__all__ = ["History", "open_history"]


class History:
    """Numbers of many runs. Every method may raise HostError: the disk is full, or the server is gone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def import_run(self, folder: RunFolder) -> Imported:
        """Bring in what history lacks of a run, all or nothing; may be done again at any time, also while it runs.

        SpecError where the folder holds something else than a run.
        """
        with self._database.writing() as connection:
            # read under the lock: else who read before another import could put older records over newer ones
            return store_run(connection, read_run(folder))

    def mark_pruned(self, run: str) -> bool:
        """Note that the folder of a run is taken away; its numbers stay. False where history has no such run."""
        with self._database.writing() as connection:
            return connection.execute(update(Run).filter_by(name=run).values(pruned=True)).rowcount > 0

    def series(self, pick: Pick | None = None) -> list[Series]:
        """Give the series of a pick (None: all), sorted by key, as ``measured.series_of`` makes them of the records.

        SpecError where ``until`` names no run in history.
        """
        with self._database.reading() as connection:
            return series(connection, pick or Pick())

    def runs(self) -> list[RunRow]:
        """Give all runs, oldest first."""
        with self._database.reading() as connection:
            return run_rows(connection)


@contextmanager
def open_history(url: str) -> Iterator[History]:
    """Open a database by URL: ``sqlite:///FILE``, which is made if need be, or ``postgresql+psycopg://USER@HOST/DB``.

    Its tables are made, or brought to this version. SpecError for a bad URL, for a database of another program or of a
    newer testbed; HostError where the driver lacks or the server does not answer. No message has a password.
    """
    database = Database.of(url)
    try:
        bring_up_to_date(database)
        yield History(database)
    finally:
        database.engine.dispose()
