# SPDX-License-Identifier: GPL-2.0-only
"""Go on with a run that was interrupted or killed: its plan from ``run.json``, less the cells that have a record."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testbed.errors import SpecError
from testbed.run.plan import Cell, Request, plan
from testbed.store.folder import RunFolder

__all__ = ["Reopened", "reopen"]

NAMED = 3


@dataclass(frozen=True)
class Reopened:
    """A run that is held and can be gone on with; ``left`` are those of ``cells`` without a record."""

    folder: RunFolder
    request: Request
    cells: Sequence[Cell]
    left: Sequence[Cell]

    def take_up(self, facts: Mapping[str, Any], blamed: Collection[str] = ()) -> Iterator[str]:
        """Make the folder ready for more records and note ``facts`` in ``run.json``; gives lines for a person.

        ``blamed`` are the cells that are not run again. To be called when nothing can refuse the run any more.
        """
        self.folder.mend()
        header = self.folder.header()
        entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **facts}
        self.folder.write_header({**header, "resumed": [*header.get("resumed", ()), entry]})
        left = {cell.name for cell in self.left}
        done = len(self.cells) - len(left)
        yield f"{self.folder.path}: {done} of {len(self.cells)} cells are done, {len(left)} are run now"
        recorded = {cell.name for cell in self.cells} - left
        for name in self.folder.lost(recorded):
            aside = self.folder.set_aside(name)
            kept = f"; what it left is in {aside}" if aside else ""
            again = "is not run again" if name in blamed else "is run again"
            yield f"{name}: was under way when the run ended, {again}{kept}"


def reopen(root: Path, folder: RunFolder) -> Reopened:
    """Hold a run and plan it again.

    SpecError if it is under way, if ``run.json`` can't be read, or if the checkout plans other cells than the run had.
    """
    folder.hold()
    header = folder.header()
    request = Request.read(root, header.get("request"), f"{folder.path / 'run.json'}")
    cells = plan(request)
    _compare(folder, header, cells)
    recorded = {record["cell"] for record in folder.records()}
    return Reopened(folder, request, cells, [cell for cell in cells if cell.name not in recorded])


def _compare(folder: RunFolder, header: Mapping[str, Any], cells: Sequence[Cell]) -> None:
    """Raise SpecError if ``cells`` are not those of the run, by name or by what they run."""
    was: Mapping[str, str] = header["digests"]
    now = {cell.name: cell.digest for cell in cells}
    differences = {
        "no more there": [name for name in was if name not in now],
        "new": [name for name in now if name not in was],
        "changed": [name for name in now if name in was and now[name] != was[name]],
    }
    told = [f"{_some(names)} {what}" for what, names in differences.items() if names]
    if told:
        raise SpecError(f"{folder.path}: scenarios or matrix are others now than the run's: {', '.join(told)}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{' '.join(names[:NAMED])}{more}"
