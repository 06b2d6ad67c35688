# SPDX-License-Identifier: GPL-2.0-only
"""The order of a night."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any

from testbed.build import Progress
from testbed.errors import SpecError
from testbed.judge.drift import REGRESSION, Drift
from testbed.judge.trend import VERDICT
from testbed.report.history import judgements
from testbed.run.benchcell import SCENARIO, bench_cells
from testbed.run.conduct import EXIT_BAD, EXIT_OK, Conducted, conduct, exit_code, reread
from testbed.run.executor import Executor
from testbed.run.judged import judged_against
from testbed.run.nightly.blame import blamed
from testbed.run.nightly.reports import write_reports
from testbed.run.nightly.retention import NIGHT, evidence_of, nights, prune, too_old
from testbed.run.nightly.sources import News, look_up, twins
from testbed.run.plan import Request, kernels_of, plan
from testbed.spec import load_guest, resolve_kernel
from testbed.store.durable import hold
from testbed.store.folder import RunFolder
from testbed.store.history import History, Pick, open_history

__all__ = ["Night", "NightPlan", "nightly", "prune_nights"]

LOCK = ".nightly.lock"
BENCH_GUEST = "minimal"


@dataclass(frozen=True)
class NightPlan:
    """What a night is to do: ``keep`` so many nights at the end, count instructions if ``overhead``.

    ``reports`` is a folder that gets the reports as well, for a CI server to collect.
    """

    request: Request
    out: Path
    db: str
    keep: int
    overhead: bool
    reports: Path | None = None


@dataclass(frozen=True)
class Night:
    """A night that is over; ``drifts`` judges each metric of it, ``blame`` tells whether a new source is to blame."""

    conducted: Conducted
    news: Sequence[News]
    drifts: Sequence[Drift]
    blame: Sequence[str]
    pruned: Sequence[str]

    @property
    def regressions(self) -> list[Drift]:
        """Those that are open."""
        return [drift for drift in self.drifts if drift.kind == REGRESSION]

    @property
    def exit_code(self) -> int:
        """The run's, and 1 for a regression where all cells are as expected."""
        code = exit_code(self.conducted)
        return EXIT_BAD if code == EXIT_OK and self.regressions else code


def nightly(
    wanted: NightPlan,
    progress: Progress,
    finished: Callable[[dict[str, Any]], None],
    executor: Executor | None = None,
) -> Night:
    """Do a night; ``finished`` gets each record after it is on disk, ``executor`` runs the cells if not this host does.

    Raises SpecError if another night is under way there or the database is none, and whatever :func:`conduct` raises,
    before anything is started.
    """
    plan(wanted.request)  # what is misspelt is told before anything is asked or fetched
    RunFolder.prepare(wanted.out)
    held = _alone(wanted.out)
    try:
        with open_history(wanted.db) as history:
            return _night(wanted, history, progress, finished, executor)
    finally:
        held.close()


def _alone(out: Path) -> FileIO:
    held = hold(out / LOCK)
    if held is None:
        raise SpecError(f"{out}: another night is under way there; wait for its end, or name another --out")
    return held


def _night(
    wanted: NightPlan,
    history: History,
    progress: Progress,
    finished: Callable[[dict[str, Any]], None],
    executor: Executor | None,
) -> Night:
    _catch_up(wanted.out, history, progress)
    names = kernels_of(wanted.request)
    specs = [resolve_kernel(wanted.request.root, name) for name in names]
    news = look_up(specs, _last_sources(history, names), progress)
    kernels = twins(names, news) if news else wanted.request.kernels
    request = replace(wanted.request, kernels=kernels, retry=True)
    done = conduct(request, plan(request), wanted.out, progress, finished, {NIGHT: list(request.targets)}, executor)
    if wanted.overhead and not done.interrupted and not done.broken:
        done = _bench(done, request, progress, finished)
    progress("history", f"take in {done.folder.id}")
    history.import_run(done.folder)
    told = judged_against(history, done.folder.id)
    drifts = [drift for _, drift in told]
    progress("reports", f"write {done.folder.path}")
    places = [done.folder.path, *([wanted.reports] if wanted.reports else [])]
    write_reports(done.folder, done.records, told, places)
    pruned = prune_nights(wanted, history)
    return Night(done, news, drifts, blamed(told, news, done.folder.id), pruned)


def _catch_up(out: Path, history: History, progress: Progress) -> None:
    """Take in nights that were killed before they could, or gone on with since."""
    known = {row.id: row.cells for row in history.runs()}
    for folder in nights(out):
        if known.get(folder.id) != len(folder.records()):
            progress("history", f"take in {folder.id}")
            history.import_run(folder)


def _last_sources(history: History, names: Sequence[str]) -> Mapping[str, str]:
    """Give the source version that each kernel had when it ran last."""
    found: dict[str, str] = {}
    for name in names:
        points = [point for each in history.series(Pick(kernel=name, metric=VERDICT)) for point in each.points]
        versions = [point for point in points if point.source_version]
        if versions:
            found[name] = max(versions, key=lambda point: point.at).source_version
    return found


def _bench(
    done: Conducted, request: Request, progress: Progress, finished: Callable[[dict[str, Any]], None]
) -> Conducted:
    """Add a cell for each kernel that has no checkers in it: what the operations cost there."""
    header = done.folder.header()
    specs = [resolve_kernel(request.root, name) for name in header["kernels"]]
    plain = [spec for spec in specs if not any(path.stem in ("debug", "kcsan") for path in spec.fragments)]
    # what the others are held against
    plain.sort(key=lambda spec: spec.series is not None)
    if not plain:
        return done
    guest = load_guest(request.root, BENCH_GUEST)
    names = [f"{spec.name}/{guest.name}/{SCENARIO}#1" for spec in plain]
    done.folder.write_header({**header, "cells": [*header["cells"], *names]})
    for cell in bench_cells(request.root, plain, guest, done.folder.id, progress):
        done.folder.append(cell.record())
        finished(cell.record())
    return reread(done)


def prune_nights(wanted: NightPlan, history: History) -> Sequence[str]:
    """Take old nights away; of all that is in history no open regression loses its evidence, also of other matrices."""
    old = nights(wanted.out)
    if len(old) <= wanted.keep:
        return ()
    gone = []
    for run in prune(too_old(old, wanted.keep, evidence_of(judgements(history.series(Pick(judged=True)))))):
        history.mark_pruned(run)
        gone.append(run)
    return gone
