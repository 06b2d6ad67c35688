# SPDX-License-Identifier: GPL-2.0-only
"""What history is asked for: series of points as ``testbed.judge.measured`` makes them of records, and the runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute

from testbed.errors import SpecError
from testbed.judge.drift import judged
from testbed.judge.trend import VERDICT, Point, Series, SeriesKey
from testbed.store.history.tables import Case, Cell, Guest, Host, Kernel, Measurement, Metric, Run

__all__ = ["Pick", "RunRow", "run_rows", "series"]


@dataclass(frozen=True)
class Pick:
    """Which series, and which of their points.

    ``scenario`` (the label with its parameters), ``kernel``, ``guest`` and ``metric`` are patterns as of a shell
    (``*``, ``?``, ``[…]``), None for all; ``judged`` leaves out the metrics that are only shown. Of the runs that have
    such cells only the newest ``last`` count, and none that began after run ``until``.
    """

    scenario: str | None = None
    kernel: str | None = None
    guest: str | None = None
    metric: str | None = None
    judged: bool = False
    last: int | None = None
    until: str | None = None


@dataclass(frozen=True)
class RunRow:
    """A run in history: ``cells`` of ``planned`` have a record, ``verdicts`` counts them; ``at`` is its start in UTC.

    ``host`` is the name of where it was started, empty for an old run; ``pruned`` tells that ``folder`` is gone.
    """

    id: str
    at: str
    cells: int
    planned: int
    verdicts: Mapping[str, int]
    host: str
    folder: str
    pruned: bool


class _Ran(NamedTuple):
    """A cell in history: the fields of its points that stand before ``value``, and those behind it."""

    case: int
    before: tuple[str, str, str]
    after: tuple[str, str, str | None, str, str, str, str]

    def point(self, value: float | None) -> Point:
        run, at, cell = self.before
        verdict, kernel_key, patchset_hash, source_version, guest_key, host, accel = self.after
        return Point(run, at, cell, value, verdict, kernel_key, patchset_hash, source_version, guest_key, host, accel)


def series(connection: Connection, pick: Pick) -> list[Series]:
    """Give the series of a pick, sorted by key, their points oldest first; SpecError where ``until`` is not there."""
    patterns = (pick.scenario, pick.kernel, pick.guest)
    cases: dict[int, tuple[str, str, str]] = {}
    for case_id, scenario, kernel, guest in connection.execute(select(Case.id, Case.scenario, Case.kernel, Case.guest)):
        names = (scenario, kernel, guest)
        if all(_fits(name, pattern) for name, pattern in zip(names, patterns, strict=True)):
            cases[case_id] = names
    metrics = {
        metric_id: name
        for metric_id, name in connection.execute(select(Metric.id, Metric.name))
        if _fits(name, pick.metric) and (judged(name) or not pick.judged)
    }
    wanted = _wanted(connection, pick, cases)
    cells = _cells(connection, wanted)
    found: dict[tuple[int, str], list[Point]] = {}
    if _fits(VERDICT, pick.metric):
        for ran in cells.values():
            found.setdefault((ran.case, VERDICT), []).append(ran.point(None))
    for cell_id, metric_id, value in _values(
        connection, wanted, cells, metrics if pick.metric or pick.judged else None
    ):
        ran = cells[cell_id]
        found.setdefault((ran.case, metrics[metric_id]), []).append(ran.point(value))
    keyed = ((SeriesKey(*cases[case], metric), points) for (case, metric), points in found.items())
    return [Series(key, tuple(points)) for key, points in sorted(keyed, key=lambda pair: pair[0])]


def run_rows(connection: Connection) -> list[RunRow]:
    """Give all runs, oldest first."""
    verdicts: dict[int, dict[str, int]] = {}
    counted = select(Cell.run_id, Cell.verdict, func.count()).group_by(Cell.run_id, Cell.verdict)
    for run_id, verdict, number in connection.execute(counted):
        verdicts.setdefault(run_id, {})[verdict] = number
    hosted = select(*Run.__table__.c, Host.name.label("host_name")).join(Host, Run.host_id == Host.id)
    rows = sorted(connection.execute(hosted), key=lambda row: (row.at, row.name, row.id))
    return [
        RunRow(
            id=row.name,
            at=row.at,
            cells=sum(verdicts.get(row.id, {}).values()),
            planned=row.planned,
            verdicts=verdicts.get(row.id, {}),
            host=row.host_name,
            folder=row.folder,
            pruned=row.pruned,
        )
        for row in rows
    ]


def _fits(name: str, pattern: str | None) -> bool:
    """Match as a shell does, in any database; SQL has no such patterns that both dialects share."""
    return pattern is None or fnmatchcase(name, pattern)


def _wanted(connection: Connection, pick: Pick, cases: Iterable[int]) -> list[ColumnElement[bool]]:
    """Give the conditions on cells that a pick asks for."""
    conditions = []
    if any((pick.scenario, pick.kernel, pick.guest)):
        conditions.append(_among(Cell.case_id, cases))
    if pick.last is None and pick.until is None:
        return conditions
    ran = select(Run.id, Run.at, Run.name).where(Run.id.in_(select(Cell.run_id).where(*conditions)))
    runs = sorted(connection.execute(ran), key=lambda row: (row.at, row.name))
    if pick.until is not None:
        end = _began(connection, pick.until)
        runs = [row for row in runs if (row.at, row.name) <= end]
    if pick.last is not None and pick.last < 1:
        raise SpecError(f"last: {pick.last} runs are none; ask for at least 1")
    if pick.last is not None:
        runs = runs[max(0, len(runs) - pick.last) :]
    return [*conditions, _among(Cell.run_id, [row.id for row in runs])]


def _began(connection: Connection, run: str) -> tuple[str, str]:
    """Give start and name of a run, which are the order of history."""
    row = connection.execute(select(Run.at, Run.name).filter_by(name=run)).first()
    if row is None:
        latest = connection.scalar(select(func.max(Run.name)))
        known = f"; the latest there is {latest}" if latest else ""
        raise SpecError(f"{run}: history has no run of that id{known}")
    return row.at, row.name


def _among(column: InstrumentedAttribute[int], ids: Iterable[int]) -> ColumnElement[bool]:
    """Compare with ids that are written out, as databases limit the number of parameters."""
    return column.in_(bindparam(None, list(ids), expanding=True, literal_execute=True))


def _cells(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> dict[int, _Ran]:
    """Give the cells by id, in the order that points have; sorted here, as databases sort text by their locale."""
    asked = (
        select(
            *(Cell.id, Cell.case_id, Run.name, Run.at, Cell.name),
            *(Cell.verdict, Kernel.key, Kernel.patchset_hash, Kernel.source_version, Guest.key),
            *(func.coalesce(Host.key, ""), Cell.accel),
        )
        .join(Run, Cell.run_id == Run.id)
        .join(Kernel, Cell.kernel_id == Kernel.id)
        .join(Guest, Cell.guest_id == Guest.id)
        .outerjoin(Host, Cell.host_id == Host.id)
        .where(*wanted)
    )
    rows: Sequence[Any] = connection.execute(asked).all()
    ordered = sorted((at, run, cell, cell_id, case, after) for cell_id, case, run, at, cell, *after in rows)
    return {cell_id: _Ran(case, (run, at, cell), tuple(after)) for at, run, cell, cell_id, case, after in ordered}


def _values(
    connection: Connection,
    wanted: Sequence[ColumnElement[bool]],
    cells: Iterable[int],
    metrics: Iterable[int] | None,
) -> Sequence[Any]:
    """Give rows of (cell, metric, value) in the order of ``cells``; all metrics where None are given."""
    asked = select(Measurement.cell_id, Measurement.metric_id, Measurement.value)
    if wanted:
        asked = asked.where(Measurement.cell_id.in_(select(Cell.id).where(*wanted)))
    if metrics is not None:
        asked = asked.where(_among(Measurement.metric_id, metrics))
    order = {cell_id: position for position, cell_id in enumerate(cells)}
    rows: Sequence[Any] = connection.execute(asked).all()  # at once is much quicker than one by one
    return sorted(rows, key=lambda row: order[row[0]])
