# SPDX-License-Identifier: GPL-2.0-only
"""A patch series: ``kernel/series/<name>/series`` names the patches in order, one a line, ``#`` starts a comment."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from testbed.build import process
from testbed.errors import BuildError, SpecError

__all__ = ["apply_series", "patchset_hash", "read_series", "series_folder"]

#: As much of a refused hunk as is shown.
SHOWN_LINES = 60
_REFUSED = re.compile(r"^patch: \*{4}|can't find file to patch|previously applied|malformed patch|Skipping patch")


def series_folder(root: Path, name: str) -> Path:
    """Where a series lives in a checkout."""
    return root / "kernel" / "series" / name


def read_series(root: Path, name: str | None) -> tuple[Path, ...]:
    """The patch files of a series in order; none for no series."""
    if name is None:
        return ()
    listing = series_folder(root, name) / "series"
    if not listing.is_file():
        raise SpecError(f"{listing}: no such file")
    patches = []
    for number, line in enumerate(listing.read_text().splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        patch = listing.parent / entry
        if not patch.is_file():
            raise SpecError(f"{listing}:{number}: no such patch: {entry}")
        patches.append(patch)
    return tuple(patches)


def patchset_hash(patches: Sequence[Path]) -> str | None:
    """KCIDB's hash of a patchset: sha256 over the newline-terminated sha256 sums of the patches; None for none."""
    if not patches:
        return None
    sums = "".join(f"{hashlib.sha256(patch.read_bytes()).hexdigest()}\n" for patch in patches)
    return hashlib.sha256(sums.encode()).hexdigest()


def apply_series(tree: Path, patches: Sequence[Path]) -> None:
    """Apply the patches in order with no fuzz; a hunk may have moved, its context must be there to the letter."""
    for patch in patches:
        argv = ["patch", "-p1", "--fuzz=0", "--force", "--no-backup-if-mismatch", "-i"]
        status, said = process.attempt([*argv, patch], cwd=tree, env={**os.environ, "LC_ALL": "C"})
        if status:
            problem = _problem(said, tree) or said.strip()
            raise BuildError(f"{patch.parent.name}/{patch.name}: does not apply\n{problem}")


def _problem(said: str, tree: Path) -> str:
    """Which hunks patch(1) refused, with the refused text."""
    lines = []
    target = "patch"
    for line in said.splitlines():
        if named := re.match(r"patching file '?([^']+)'?", line):
            target = named[1]
        elif hunk := re.match(r"Hunk #(\d+) FAILED at (\d+)", line):
            lines.append(f"  {target}: hunk {hunk[1]} at line {hunk[2]}")
        elif _REFUSED.search(line):
            lines.append(f"  {target}: {line}")
        if rejected := re.search(r"saving rejects to file '?([^']+)'?", line):
            lines += [f"    {text}" for text in _lines(tree / rejected[1])[:SHOWN_LINES]]
    return "\n".join(lines)


def _lines(file: Path) -> list[str]:
    return file.read_text(errors="replace").splitlines() if file.is_file() else []
