# SPDX-License-Identifier: GPL-2.0-only
"""What Alembic runs for each command; connection, transaction and lock are those of ``bring_up_to_date``."""

from alembic import context

from testbed.store.history.migrate import VERSION_TABLE
from testbed.store.history.tables import Base

# render_as_batch: SQLite can't alter a table, so a migration there copies it
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
