# SPDX-License-Identifier: GPL-2.0-only
"""What a record says of a bug: whether this cell, an attempt at it, showed it."""

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from testbed.judge.evidence import Evidence
from testbed.judge.shown import Shown, shows
from testbed.judge.verdict import Verdict
from testbed.run.drive import OUTPUT
from testbed.spec import BugSpec

__all__ = ["shown_by", "unshown"]

_STREAM = re.compile(r"^(?:stdout|stderr): ", re.M)


def shown_by(
    bug: BugSpec | None, evidence: Evidence, verdict: Verdict, report: str, folder: Path, booted: bool
) -> dict[str, Any] | None:
    """Give a record's ``shown``, None where the cell is at no bug; ``report`` is its ``crash.txt``.

    A kernel that did not even boot says nothing of a bug that shows later, unless that is how it shows.
    """
    if bug is None:
        return None
    log = folder / OUTPUT
    output = _STREAM.sub("", log.read_text(errors="replace")) if log.is_file() else ""
    shown = shows(bug.signs, evidence, verdict, report, output)
    if not booted and not shown.shown:
        shown = replace(shown, shown=None)
    return asdict(shown)


def unshown(reason: str) -> dict[str, Any]:
    """Give ``shown`` of an attempt that came to nothing."""
    return asdict(Shown(None, reason))
