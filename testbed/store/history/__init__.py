# SPDX-License-Identifier: GPL-2.0-only
"""The results database: every number of every run, in SQLite or PostgreSQL, long after the runs' folders are gone."""

from testbed.store.history.history import History, open_history
from testbed.store.history.importer import Imported
from testbed.store.history.query import Pick, RunRow

__all__ = ["History", "Imported", "Pick", "RunRow", "open_history"]
