# SPDX-License-Identifier: GPL-2.0-only
"""What was found of a bug on each kernel, held against what its file expects: the objects of ``grades.json``."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testbed.errors import HostError
from testbed.judge.grade import ALPHA, Grade, quiet_runs
from testbed.run.culprit import CULPRIT
from testbed.run.reproduce.subject import Graded, Subject
from testbed.spec import BugSpec, Outcome
from testbed.store.durable import write_whole
from testbed.store.folder import GRADES, RunFolder

__all__ = ["Row", "Search", "compared", "row_of", "write_grades"]


@dataclass(frozen=True)
class Search:
    """A bug in one place, looked for ``most`` times.

    ``target`` is how a person named the bug, ``settings`` what was set of its parameters.
    """

    target: str
    bug: BugSpec
    subject: Subject
    most: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def again(self) -> str:
        """The command that looks for it once more."""
        settings = [word for key, value in self.settings.items() for word in ("--set", f"{key}={value}")]
        words = ["reproduce", self.target, "--kernel", self.subject.kernel.name, "-n", str(self.most), *settings]
        return f"./tb {shlex.join(words)}"


#: One bug on one kernel; :func:`row_of` has its keys.
Row = dict[str, Any]


def row_of(search: Search, graded: Graded, folder: RunFolder) -> Row:
    """Give the object of a bug and a kernel.

    ``interval`` is two-sided, ``excluded_above`` one-sided, both of 95 %, and null where nothing was judged.
    ``expected`` is ``reproduced``, ``gone``, or null where the file does not say; with a ``gap`` it should be gone and
    is known not to be. ``as_expected`` is null where nothing is expected, or nothing could be judged. ``sign`` is that
    of the first attempt that showed the bug, else of the first one judged. The last three are :func:`compared`'s.
    """
    bug, subject, grade, records = search.bug, search.subject, graded.grade, graded.records
    outcome = bug.outcome_for(subject.kernel.name)
    shown = [record for record in records if record["shown"]["shown"]]
    told = next(iter(shown or [record for record in records if record["shown"]["shown"] is False]), None)
    return {
        "bug": bug.name,
        "kernel": subject.kernel.name,
        "guest": subject.guest.name,
        "shown": grade.shown,
        "runs": grade.runs,
        "interval": [round(end, 4) for end in grade.interval] if grade.runs else None,
        "excluded_above": round(grade.excluded_above, 4) if grade.runs else None,
        "word": grade.word,
        "expected": outcome.prospect if outcome else None,
        "gap": outcome.gap if outcome and outcome.gap else None,
        "as_expected": _as_expected(outcome, grade),
        "sign": told["shown"]["sign"] if told else None,
        "shown_in": shown[0]["cell"] if shown else None,
        "cells": [record["cell"] for record in records],
        "unjudged": list(graded.unjudged),
        "unusable": graded.unusable or None,
        "skipped": bool(records) and all(record["verdict"] == "skip" for record in records),
        "again": search.again,
        "vmcore": _vmcore(records, folder),
        "picture": _picture(shown, folder),
        "held_against": None,
        "quiet_runs": None,
        "sure": None,
    }


def compared(rows: Sequence[Row]) -> list[Row]:
    """Say of each kernel where a bug was not seen whether it was looked for often enough to be ``sure``.

    ``quiet_runs`` is how often that is, ``held_against`` the kernel by whose grade: of those that show the same bug the
    one that shows it most rarely, as nobody knows which of them the quiet kernel would be like. Without one, nothing
    says that these attempts can show the bug at all.
    """
    return [{**row, **_trust(row, rows)} for row in rows]


def _trust(row: Row, rows: Sequence[Row]) -> Row:
    if row["shown"] or not row["runs"]:
        return {"held_against": None, "quiet_runs": None, "sure": None}
    needed = {
        other["kernel"]: quiet_runs(Grade(other["shown"], other["runs"]), ALPHA)
        for other in rows
        if other["bug"] == row["bug"] and other["shown"]
    }
    most = max(needed, key=needed.__getitem__, default=None)
    if most is None:
        return {"held_against": None, "quiet_runs": None, "sure": False}
    return {"held_against": most, "quiet_runs": needed[most], "sure": row["runs"] >= needed[most]}


def write_grades(folder: RunFolder, rows: Sequence[Row]) -> None:
    """Write the run's ``grades.json``, a list with one object for a bug and a kernel, whole or not at all.

    HostError where the disk takes no more.
    """
    try:
        write_whole(folder.path / GRADES, json.dumps(list(rows), indent=2) + "\n")
    except OSError as error:
        raise HostError(f"{folder.path / GRADES}: {error.strerror}") from error


def _as_expected(outcome: Outcome | None, grade: Grade) -> bool | None:
    if outcome is None or grade.runs == 0:
        return None
    has_it = outcome.prospect == "reproduced" or bool(outcome.gap)
    return has_it == (grade.shown > 0)


def _vmcore(records: Sequence[Mapping[str, Any]], folder: RunFolder) -> str | None:
    """Give where the memory of a guest lies that one of the attempts left dead."""
    kept = (record for record in records if (record.get("vmcore") or {}).get("file"))
    return next((str(folder.cell(record["cell"]) / record["vmcore"]["file"]) for record in kept), None)


def _picture(shown: Sequence[Mapping[str, Any]], folder: RunFolder) -> str | None:
    """Give where the page tables are drawn of the process that ran when the bug was first seen to kill the kernel."""
    drawn = (folder.cell(record["cell"]) / CULPRIT for record in shown)
    return next((str(path) for path in drawn if path.is_file()), None)
