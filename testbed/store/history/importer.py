# SPDX-License-Identifier: GPL-2.0-only
"""A run's folder into the database, all at once: what is there already is left, what changed is replaced."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.sql.dml import ReturningInsert

from testbed.errors import SpecError
from testbed.store.folder import RunFolder
from testbed.store.history.facts import (
    CellFacts,
    cell_facts,
    digest_of,
    host_facts,
    origin_of,
    run_facts,
    tool_facts,
)
from testbed.store.history.tables import (
    Case,
    Cell,
    Guest,
    Host,
    Kernel,
    Measurement,
    Metric,
    Phase,
    Run,
    Shared,
    Tools,
)

__all__ = ["Imported", "ReadRun", "read_run", "store_run"]


@dataclass(frozen=True)
class Imported:
    """What an import did to history: ``cells`` has the run there now, of which these are new or were changed."""

    run: str
    cells: int
    added: int
    replaced: int


@dataclass(frozen=True)
class ReadRun:
    """A run's folder as rows."""

    name: str
    origin: str
    columns: Mapping[str, Any]
    host: Mapping[str, Any]
    tools: Mapping[str, Any]
    cells: Mapping[str, CellFacts]


def read_run(folder: RunFolder) -> ReadRun:
    """Read a run that may still be under way; of two records of a cell the later counts.

    SpecError where the header or a record is not what a run writes.
    """
    header, records = folder.header(), folder.records()
    host = header.get("host") or {}
    try:
        columns = {**run_facts(header), "folder": str(folder.path.resolve()), "pruned": False}
        name = header["run"]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SpecError(
            f"{folder.path / 'run.json'}: lacks the run's id as a run writes it, 20261124T141421Z"
        ) from error
    cells = {record["cell"]: _facts(folder, header, record) for record in records}
    return ReadRun(name, origin_of(header), columns, host_facts(host), tool_facts(header, host), cells)


def store_run(connection: Connection, run: ReadRun) -> Imported:
    """Write what the database does not have yet; to be called by the only writer, who commits."""
    known = _Known(connection)
    numbers = _Numbers()
    run_id = _run_id(connection, known, run)
    there = {
        name: (cell_id, digest)
        for cell_id, name, digest in connection.execute(
            select(Cell.id, Cell.name, Cell.digest).filter_by(run_id=run_id)
        )
    }
    new = {name: facts for name, facts in run.cells.items() if name not in there}
    changed = {name: facts for name, facts in run.cells.items() if name in there and facts.digest != there[name][1]}
    for name, facts in changed.items():
        cell_id = there[name][0]  # the cell keeps its row, as that is what others point to
        for table in (Phase, Measurement):
            connection.execute(delete(table).where(table.cell_id == cell_id))
        connection.execute(update(Cell).where(Cell.id == cell_id).values(_cell_columns(known, facts)))
        numbers.add(cell_id, facts)
    for facts in new.values():
        columns = {"run_id": run_id, **_cell_columns(known, facts)}
        cell_id = _made(connection, insert(Cell).values(columns).returning(Cell.id))
        numbers.add(cell_id, facts)
    numbers.write(connection)
    return Imported(run.name, len(there) + len(new), len(new), len(changed))


@dataclass(frozen=True)
class _Known:
    """Ids of the rows that many share, each asked for once; a row that is not there is made."""

    connection: Connection
    _ids: dict[str, int] = field(default_factory=dict)

    def shared(self, model: type[Shared], facts: Mapping[str, Any]) -> int:
        digest = digest_of(facts)
        key = f"{model.__name__} {digest}"
        if key not in self._ids:
            there: int | None = self.connection.scalar(select(model.id).where(model.digest == digest))
            new = insert(model).values(digest=digest, **facts).returning(model.id)
            self._ids[key] = _made(self.connection, new) if there is None else there
        return self._ids[key]


@dataclass(frozen=True)
class _Numbers:
    """Phases and values of many cells, to be written at once: a server far away is asked a few times, not thousands."""

    phases: list[dict[str, Any]] = field(default_factory=list)
    values: list[tuple[int, str, float]] = field(default_factory=list)

    def add(self, cell_id: int, facts: CellFacts) -> None:
        self.phases.extend({"cell_id": cell_id, **phase} for phase in facts.phases)
        self.values.extend((cell_id, name, value) for name, value in facts.values.items())

    def write(self, connection: Connection) -> None:
        if self.phases:
            connection.execute(insert(Phase), self.phases)
        ids = {row.name: row.id for row in connection.execute(select(Metric.name, Metric.id))}
        for name in dict.fromkeys(name for _, name, _ in self.values if name not in ids):
            ids[name] = _made(connection, insert(Metric).values(name=name).returning(Metric.id))
        rows = [{"cell_id": cell, "metric_id": ids[name], "value": value} for cell, name, value in self.values]
        if rows:
            connection.execute(insert(Measurement), rows)


def _facts(folder: RunFolder, header: Mapping[str, Any], record: Mapping[str, Any]) -> CellFacts:
    try:
        return cell_facts(header, record)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        where = f"{folder.path / 'results.jsonl'}: {record['cell']}"
        raise SpecError(
            f"{where}: no record as a run writes it ({error!r}); take its line out, and resume the run"
        ) from error


def _run_id(connection: Connection, known: _Known, run: ReadRun) -> int:
    """Find or make the row of the run, as the folder tells it now."""
    columns = {
        **run.columns,
        "host_id": known.shared(Host, run.host),
        "tools_id": known.shared(Tools, run.tools),
    }
    there: int | None = connection.scalar(select(Run.id).filter_by(name=run.name, origin=run.origin))
    if there is None:
        return _made(connection, insert(Run).values(name=run.name, origin=run.origin, **columns).returning(Run.id))
    connection.execute(update(Run).where(Run.id == there).values(columns))
    return there


def _made(connection: Connection, row: ReturningInsert[Any]) -> int:
    made: int = connection.execute(row).scalar_one()
    return made


def _cell_columns(known: _Known, facts: CellFacts) -> dict[str, Any]:
    return {
        **facts.cell,
        "case_id": known.shared(Case, facts.case),
        "kernel_id": known.shared(Kernel, facts.kernel),
        "guest_id": known.shared(Guest, facts.guest),
        "host_id": facts.host and known.shared(Host, facts.host),
        "tools_id": facts.tools and known.shared(Tools, facts.tools),
        "digest": facts.digest,
    }
