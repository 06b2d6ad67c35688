# SPDX-License-Identifier: GPL-2.0-only
"""A run's folder: ``run.json``, ``results.jsonl`` and one folder a cell (design.md section 5).

Beside them ``.attempted`` names each cell before it starts, and ``.lock`` is held while the orchestrator lives.
"""

import json
import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

from testbed.errors import SpecError
from testbed.store.durable import append_lines, cut_torn_line, hold, sync_folder, whole_lines, write_whole

__all__ = ["FIRST", "GRADES", "HISTORY", "RunFolder", "census_path", "history_url"]

#: Below the folder of a cell that was run twice: all that its first attempt left.
FIRST = "first"

#: The file of a run that looked for bugs, with what it found of each on each kernel.
GRADES = "grades.json"
#: The file of a history that lies in a folder of runs.
HISTORY = "history.sqlite"
RUN, RESULTS, ATTEMPTED, LOCK = "run.json", "results.jsonl", ".attempted", ".lock"
# Stands in the journal before the name of a cell that was ended in order; no cell's name begins so.
CALLED_OFF = "~"
# As many cells are named to one who named none.
CANDIDATES = 8


def history_url(out: Path) -> str:
    """Give the URL of the history that lies in a folder of runs."""
    return f"sqlite:///{out / HISTORY}"


def census_path(cell: Path, phase: str) -> Path:
    """Where the folder of a cell keeps every page table of a phase."""
    return cell / f"census-{phase}.npz"


class RunFolder:
    """An open run. ``attempt`` and ``append`` may be called from several threads; each is on disk when it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.Lock()
        self._held: FileIO | None = None
        self._begun: list[str] = []

    @staticmethod
    def prepare(out: Path) -> None:
        """Make the folder that runs go to; SpecError if nothing can be written there, which is better known early."""
        try:
            out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=out):
                return
        except OSError as error:
            raise SpecError(f"--out {out}: {error.strerror}; name a folder that can be written to") from error

    @classmethod
    def create(cls, out: Path, header: Mapping[str, Any]) -> "RunFolder":
        """Make ``out/<id>`` with its ``run.json``, and hold it; the id is the UTC time, with a suffix where taken."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        cls.prepare(out)
        for attempt in range(100):
            path = out / (stamp if attempt == 0 else f"{stamp}-{attempt}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            folder = cls(path)
            folder.hold()
            for name in (RESULTS, ATTEMPTED):
                (path / name).touch()
            (path / "cells").mkdir()
            # last: a folder with a run.json is a run that can be gone on with
            folder.write_header({"schema": 1, "run": path.name, **header})
            sync_folder(out)
            return folder
        raise SpecError(f"{out}: too many runs were started in the same second")

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open a run that exists; SpecError where there is none."""
        for name in (RUN, RESULTS):
            if not (path / name).is_file():
                raise SpecError(f"{path}: not a run's folder (it has no {name})")
        return cls(path)

    @classmethod
    def find(cls, word: str, out: Path) -> "RunFolder":
        """Open the run that a person means by ``word``: a folder, or an id below ``out``."""
        if Path(word).is_dir():
            return cls.open(Path(word))
        if (out / word).is_dir():
            return cls.open(out / word)
        known = sorted(path.parent.name for path in out.glob(f"*/{RUN}"))
        latest = f"; the latest there is {known[-1]}" if known else ""
        raise SpecError(f"{word}: no run of that name, neither as a folder nor below {out}{latest}")

    @property
    def id(self) -> str:
        """The run's id, which is its folder's name."""
        return self.path.resolve().name

    def hold(self) -> None:
        """Be the only one that writes here until this process ends; SpecError if another does."""
        try:
            self._held = hold(self.path / LOCK)
        except OSError as error:
            raise SpecError(f"{self.path}: {error.strerror}; a run is gone on with where it can be written") from error
        if self._held is None:
            raise SpecError(f"{self.path}: this run is still under way; wait for its end, or stop it first")

    def is_held(self) -> bool:
        """Tell whether anybody writes here now."""
        held = hold(self.path / LOCK)
        if held is None:
            return True
        held.close()
        return False

    def cell(self, name: str) -> Path:
        """Give the folder of cell ``name`` (slashes become a flat name); it is there once the cell was attempted."""
        return self.path / "cells" / name.replace("/", "~")

    def one_cell(self, part: str | None) -> str:
        """Give the cell that ``part`` of a name means; SpecError where that is none or more than one."""
        names: list[str] = self.header().get("cells", [])
        # as the cell's folder is named; a kernel that a bug file or a bisection makes has a ~ in its own name
        wanted = (part or "").replace("/", "~")
        flat = {name: name.replace("/", "~") for name in names}
        found = [name for name in names if flat[name] == wanted] or [name for name in names if wanted in flat[name]]
        if len(found) == 1 and part:
            return found[0]
        candidates = found or names
        listed = ", ".join(candidates[:CANDIDATES])
        more = f" and {len(candidates) - CANDIDATES} more" if len(candidates) > CANDIDATES else ""
        problem = f"{part!r} means {len(found)} cells" if found else f"no cell has {part!r} in its name"
        raise SpecError(f"{self.path}: {problem if part else 'no cell was named'}; name one of: {listed}{more}")

    def attempt(self, name: str) -> Path:
        """Note that cell ``name`` starts now, and make its folder."""
        self.attempt_all([name])
        return self.cell(name)

    def attempt_all(self, names: Sequence[str]) -> None:
        """Note that cells start now, and make their folders."""
        with self._writing:
            append_lines(self.path / ATTEMPTED, names)
            self._begun.extend(names)
        for name in names:
            self.cell(name).mkdir(parents=True, exist_ok=True)
        sync_folder(self.path / "cells")

    def append(self, *records: Mapping[str, Any]) -> None:
        """Add a line for each record to ``results.jsonl``."""
        with self._writing:
            append_lines(self.path / RESULTS, [json.dumps(record, sort_keys=False) for record in records])

    def mend(self) -> None:
        """Cut off what a dead orchestrator left half-written, so that the next line starts on a line of its own."""
        (self.path / ATTEMPTED).touch()
        for name in (RESULTS, ATTEMPTED):
            cut_torn_line(self.path / name)
        sync_folder(self.path)

    def call_off(self) -> None:
        """Note that what this process began and has no record of was ended in order, by whoever asked for it."""
        recorded = {record["cell"] for record in self.records()}
        with self._writing:
            for name in self._begun:
                if name not in recorded:
                    append_lines(self.path / ATTEMPTED, [f"{CALLED_OFF}{name}"])

    def attempts(self, name: str) -> int:
        """Give how often a cell was begun, less the times that it was called off."""
        journal = whole_lines(self.path / ATTEMPTED)
        return journal.count(name) - journal.count(f"{CALLED_OFF}{name}")

    def lost(self, recorded: Collection[str]) -> list[str]:
        """Give the cells that were attempted and have no record, each once, as they were started."""
        attempted = dict.fromkeys(whole_lines(self.path / ATTEMPTED))
        return [name for name in attempted if name not in recorded and not name.startswith(CALLED_OFF)]

    def set_aside(self, name: str) -> Path | None:
        """Keep what a lost attempt at a cell left under ``<cell>.lost-N``; None where it left nothing."""
        folder = self.cell(name)
        if not folder.is_dir():
            return None
        number = 1
        while (aside := folder.with_name(f"{folder.name}.lost-{number}")).exists():
            number += 1
        folder.rename(aside)
        sync_folder(aside.parent)
        return aside

    def write_header(self, header: Mapping[str, Any]) -> None:
        """Write ``run.json``."""
        write_whole(self.path / RUN, json.dumps(header, indent=2) + "\n")

    def header(self) -> dict[str, Any]:
        """Read ``run.json``; SpecError where it is no JSON object."""
        path = self.path / RUN
        try:
            header = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SpecError(f"{path}: torn, it is no JSON ({error}); the run can't be read, start it anew") from error
        if not isinstance(header, dict):
            raise SpecError(f"{path}: not what a run writes there (a JSON object)")
        return header

    def readable_header(self) -> dict[str, Any]:
        """Read ``run.json`` where that can be done; empty where it is torn, as nobody knows then what the run was."""
        try:
            return self.header()
        except SpecError:
            return {}

    def grades(self) -> list[dict[str, Any]]:
        """Read what a run found of the bugs that it looked for; nothing of a run that looked for none."""
        path = self.path / GRADES
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        return found

    def records(self) -> list[dict[str, Any]]:
        """Read all whole lines, in the order of the plan; a last line that a crash cut off is left out."""
        path = self.path / RESULTS
        records = []
        for number, line in enumerate(whole_lines(path), 1):
            try:
                record = json.loads(line)
                record["cell"]
            except (ValueError, LookupError, TypeError) as error:
                raise SpecError(
                    f"{path}:{number}: not a record; take the line out, and its cell is run again"
                ) from error
            records.append(record)
        order = {name: index for index, name in enumerate(self.header().get("cells", ()))}
        return sorted(records, key=lambda record: order.get(record["cell"], len(order)))
