# SPDX-License-Identifier: GPL-2.0-only
"""Bring the tables of a database to the version that this code knows, whoever else opens it at the same time."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from testbed.errors import SpecError
from testbed.store.history.database import Database
from testbed.store.history.tables import Base

__all__ = ["VERSION_TABLE", "bring_up_to_date"]

#: Not Alembic's own name for it: a PostgreSQL database may hold tables of others who use Alembic too.
VERSION_TABLE = "history_version"
# In a package's own words, so that it is found in a wheel as in a checkout.
SCRIPTS = "testbed.store.history:migrations"


def bring_up_to_date(database: Database) -> None:
    """Make or change the tables as far as is needed, all at once or not at all.

    SpecError where a newer testbed wrote the database, or where the names of our tables are taken.
    """
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with database.reading() as connection:
        if _version(connection) == head:
            return
    with database.writing() as connection:
        version = _version(connection)  # anew: another process may have been faster
        if version == head:
            return
        if version is None:
            _refuse_others(database, connection)
        elif version not in {script.revision for script in scripts.walk_revisions()}:
            raise SpecError(
                f"--db {database.shown}: written by a newer testbed (its tables are of version {version}, this one"
                f" knows them up to {head}); use that one, or name another database"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _refuse_others(database: Database, connection: Connection) -> None:
    taken = sorted(set(inspect(connection).get_table_names()) & set(Base.metadata.tables))
    if taken:
        raise SpecError(
            f"--db {database.shown}: holds tables of another program ({', '.join(taken)}); name a database of its own"
        )
