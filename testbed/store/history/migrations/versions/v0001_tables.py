# SPDX-License-Identifier: GPL-2.0-only
"""The first tables. There is no way down: a history is taken away as a file or a database."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _shared("hosts", _words("key", "name", "machine", "cpu"), _whole("cpus", "memory_mib"))
    _shared("tools", _words("testbed", "qemu", "python", "kernel"))
    _shared(
        "kernels",
        _words("name", "key", "release", "source_version", "config_hash", "build_id"),
        [sa.Column("patchset_hash", sa.String())],
    )
    _shared("guests", _words("name", "key"), _whole("vcpus", "memory_mib", "levels"))
    _shared("cases", _words("scenario", "kernel", "guest"))
    op.create_index("ix_kernels_key", "kernels", ["key"])
    op.create_index("ix_guests_key", "guests", ["key"])
    op.create_table(
        "metrics",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False, unique=True),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), primary_key=True),
        *_words("name"),
        sa.Column("origin", sa.String(32), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        *_words("folder"),
        sa.Column("pruned", sa.Boolean(), nullable=False),
        *_words("accel", "accel_reason"),
        _reference("host_id", "hosts", nullable=False),
        _reference("tools_id", "tools", nullable=False),
        sa.UniqueConstraint("name", "origin"),
    )
    op.create_index("ix_runs_at", "runs", ["at", "name"])
    op.create_table(
        "cells",
        sa.Column("id", sa.Integer(), primary_key=True),
        _reference("run_id", "runs", nullable=False),
        _reference("case_id", "cases", nullable=False),
        _reference("kernel_id", "kernels", nullable=False),
        _reference("guest_id", "guests", nullable=False),
        _reference("host_id", "hosts", nullable=True),
        _reference("tools_id", "tools", nullable=True),
        *_words("name", "accel", "verdict", "reason"),
        *(sa.Column(f"first_{name}", sa.String()) for name in ("verdict", "reason")),
        *(sa.Column(f"crash_{name}", sa.String()) for name in ("kind", "title", "fingerprint")),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.UniqueConstraint("run_id", "name"),
    )
    op.create_index("ix_cells_case", "cells", ["case_id", "run_id"])
    op.create_index("ix_cells_crash_fingerprint", "cells", ["crash_fingerprint"])
    op.create_table(
        "phases",
        _reference("cell_id", "cells", primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        *_words("name"),
        sa.Column("agree", sa.Boolean()),
        sa.Column("readings", sa.Integer()),
        sa.Column("settle_ms", sa.Double()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "measurements",
        _reference("cell_id", "cells", primary_key=True),
        _reference("metric_id", "metrics", primary_key=True),
        sa.Column("value", sa.Double(), nullable=False),
        sqlite_with_rowid=False,
    )


def _shared(table: str, *columns: list[sa.Column[str]] | list[sa.Column[int]]) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(32), nullable=False, unique=True),
        *(column for some in columns for column in some),
    )


def _words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer()) for name in names]


def _reference(name: str, table: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), sa.ForeignKey(f"{table}.id"), nullable=nullable, primary_key=primary_key)
