# SPDX-License-Identifier: GPL-2.0-only
"""Which nights go: the oldest beyond so many, but never one that an open regression is proved by."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from testbed.judge.drift import REGRESSION, Drift
from testbed.store.folder import RunFolder

__all__ = ["NIGHT", "evidence_of", "nights", "prune", "too_old"]

#: The field of ``run.json`` that only a night has: its matrix. What a person ran is never taken away.
NIGHT = "night"


def nights(out: Path) -> list[RunFolder]:
    """Give the nights below ``out``, oldest first; a folder that can't be read is none."""
    found = []
    for path in sorted(out.glob("*/run.json")):
        folder = RunFolder(path.parent)
        if path.parent.is_symlink() or not (path.parent / "results.jsonl").is_file():
            continue
        if NIGHT in folder.readable_header():
            found.append(folder)
    return found


def evidence_of(drifts: Iterable[Drift]) -> frozenset[str]:
    """Give the runs that open regressions stand on: the last good one and the first bad one."""
    return frozenset(run for drift in drifts if drift.kind == REGRESSION for run in _ends(drift))


def too_old(all_nights: Sequence[RunFolder], keep: int, evidence: Collection[str]) -> list[RunFolder]:
    """Give those beyond the newest ``keep`` that are evidence of nothing."""
    return [folder for folder in all_nights[:-keep] if folder.id not in evidence]


def prune(folders: Iterable[RunFolder]) -> Iterator[str]:
    """Remove nights, those excepted that somebody is writing to; gives the id of each that went."""
    for folder in folders:
        if folder.is_held():
            continue
        # first what makes it a run: a half-removed folder is then none
        (folder.path / "run.json").unlink()
        shutil.rmtree(folder.path)
        yield folder.id


def _ends(drift: Drift) -> Iterator[str]:
    yield from (point.run for point in (drift.last_good, drift.first_bad) if point is not None)
