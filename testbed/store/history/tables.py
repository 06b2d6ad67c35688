# SPDX-License-Identifier: GPL-2.0-only
"""The tables of the results database.

::

    runs ──< cells ──< phases
                   └─< measurements >── metrics      one number of one cell; names of metrics stand apart
    cells >── cases                                  scenario with parameters, kernel, guest: what a series is of
    cells >── kernels, guests                        what ran, by the key of the artefact cache
    runs, cells >── hosts, tools                     where, and with which versions

What many cells share stands once, and is found again by a digest of all its columns (:class:`Shared`). So a night of
10^4 numbers is 10^4 rows of (cell, metric, value), in the order in which they come, with one index.

A change here needs a migration in ``migrations/versions``; a test holds both against each other.
"""

from sqlalchemy import Double, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "Base",
    "Case",
    "Cell",
    "Guest",
    "Host",
    "Kernel",
    "Measurement",
    "Metric",
    "Phase",
    "Run",
    "Shared",
    "Tools",
]


class Base(DeclarativeBase):
    """What all tables are known by."""


class Shared:
    """A row that many others point to; ``digest`` is that of all other columns, so that equal facts are one row."""

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(32), unique=True)


class Host(Shared, Base):
    """A machine; hosts of the same ``key`` may be compared for time. Runs of old versions tell no key and no name."""

    __tablename__ = "hosts"

    key: Mapped[str]
    name: Mapped[str]
    machine: Mapped[str]
    cpu: Mapped[str]
    cpus: Mapped[int | None]
    memory_mib: Mapped[int | None]


class Tools(Shared, Base):
    """Versions of what took part on the host: the testbed, QEMU, Python, the host's kernel; empty where not told."""

    __tablename__ = "tools"

    testbed: Mapped[str]
    qemu: Mapped[str]
    python: Mapped[str]
    kernel: Mapped[str]


class Kernel(Shared, Base):
    """A kernel as its record tells it; of a cell that did not run that is the name, and the key where there is one."""

    __tablename__ = "kernels"

    name: Mapped[str]
    key: Mapped[str] = mapped_column(index=True)
    release: Mapped[str]
    source_version: Mapped[str]
    patchset_hash: Mapped[str | None]
    config_hash: Mapped[str]
    build_id: Mapped[str]


class Guest(Shared, Base):
    """A guest's image and its hardware."""

    __tablename__ = "guests"

    name: Mapped[str]
    key: Mapped[str] = mapped_column(index=True)
    vcpus: Mapped[int | None]
    memory_mib: Mapped[int | None]
    levels: Mapped[int | None]


class Case(Shared, Base):
    """What is run night after night: the scenario's label with its parameters, the kernel and the guest by name."""

    __tablename__ = "cases"

    scenario: Mapped[str]
    kernel: Mapped[str]
    guest: Mapped[str]


class Metric(Base):
    """The name of a metric, such as ``after.left_over.pte``."""

    __tablename__ = "metrics"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Run(Base):
    """A run. ``name`` is its id; ``origin`` tells runs apart that two hosts began in the same second.

    ``at`` is the start in UTC (ISO 8601), ``planned`` the number of cells of its plan, ``folder`` where it was when it
    was imported, ``pruned`` whether that folder was taken away since.
    """

    __tablename__ = "runs"
    __table_args__ = (UniqueConstraint("name", "origin"), Index("ix_runs_at", "at", "name"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    origin: Mapped[str] = mapped_column(String(32))
    at: Mapped[str] = mapped_column(String(32))
    planned: Mapped[int]
    folder: Mapped[str]
    pruned: Mapped[bool]
    accel: Mapped[str]
    accel_reason: Mapped[str]
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id"))
    tools_id: Mapped[int] = mapped_column(ForeignKey("tools.id"))


class Cell(Base):
    """A cell's record. ``digest`` is that of all that is kept of it, so that a record which changed is noticed.

    ``first_verdict`` and ``first_reason`` are those before it was run a second time; the crash is as the judge named
    it. A cell without a host is of an old run.
    """

    __tablename__ = "cells"
    __table_args__ = (UniqueConstraint("run_id", "name"), Index("ix_cells_case", "case_id", "run_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    kernel_id: Mapped[int] = mapped_column(ForeignKey("kernels.id"))
    guest_id: Mapped[int] = mapped_column(ForeignKey("guests.id"))
    host_id: Mapped[int | None] = mapped_column(ForeignKey("hosts.id"))
    tools_id: Mapped[int | None] = mapped_column(ForeignKey("tools.id"))
    name: Mapped[str]
    accel: Mapped[str]
    verdict: Mapped[str]
    reason: Mapped[str]
    first_verdict: Mapped[str | None]
    first_reason: Mapped[str | None]
    crash_kind: Mapped[str | None]
    crash_title: Mapped[str | None]
    crash_fingerprint: Mapped[str | None] = mapped_column(index=True)
    digest: Mapped[str] = mapped_column(String(32))


class Phase(Base):
    """A phase of a cell, in the order in which they came; ``agree`` is None where the channels were not compared.

    ``settle_ms`` is how long the counters took to hold still, ``readings`` how often they were read.
    """

    __tablename__ = "phases"
    # on SQLite the rows stand in their only index; PostgreSQL has no such thing
    __table_args__ = ({"sqlite_with_rowid": False},)

    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    agree: Mapped[bool | None]
    readings: Mapped[int | None]
    settle_ms: Mapped[float | None] = mapped_column(Double)


class Measurement(Base):
    """One number: ``value`` in the unit of its metric (tables, kB, instructions an operation, seconds)."""

    __tablename__ = "measurements"
    __table_args__ = ({"sqlite_with_rowid": False},)

    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    metric_id: Mapped[int] = mapped_column(ForeignKey("metrics.id"), primary_key=True)
    value: Mapped[float] = mapped_column(Double)
