# SPDX-License-Identifier: GPL-2.0-only
"""``tb minimise``."""

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.output import fail, rows, say
from testbed.cli.progress import shown
from testbed.cli.run import AccelName, Jobs, RequireKvm, check_where
from testbed.cli.where import checkout_root
from testbed.errors import HostError, SpecError
from testbed.judge.grade import Grade
from testbed.run.bisect.asked import bisected, kernel_of
from testbed.run.bisect.minimise import MEMORY, VCPUS, Minimised, Try, minimise
from testbed.run.conduct import EXIT_BAD, EXIT_HARNESS, EXIT_INTERRUPTED
from testbed.run.reproduce.trials import How, open_trials
from testbed.run.signals import interruptible
from testbed.spec import BugSpec, load_bug
from testbed.spec.bugedit import bug_path, write_smaller

__all__ = ["minimise_bug"]

BUDGET = 200

Bug = Annotated[str, typer.Argument(metavar="BUG", help="Bug by name or file.")]
Kernel = Annotated[str | None, typer.Option("--kernel", "-k", help="Kernel; default: the first of the bug file.")]
Attempts = Annotated[int, typer.Option("--attempts", "-n", min=1, help="At most so many in all.")]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The new bug file; default: NAME-small.yaml beside the bug's.")
]
Runs = Annotated[Path, typer.Option(help="Folder of runs.")]


def minimise_bug(
    bug: Bug,
    kernel: Kernel = None,
    attempts: Attempts = BUDGET,
    out: Out = None,
    accel: AccelName = "auto",
    require_kvm: RequireKvm = False,
    jobs: Jobs = None,
    runs: Runs = Path("runs"),
) -> None:
    """Shrink a bug's workload and guest while it shows about as reliably, and write the bug file of what is left."""
    root = checkout_root()
    check_where(accel, require_kvm, None, jobs)
    spec = load_bug(root, bug)
    source = bug_path(root, bug)
    target = out or source.with_name(f"{source.stem}-small{source.suffix}")
    _check_target(target)
    subject = bisected(root, spec, kernel_of(root, spec, kernel))
    with interruptible():
        try:
            # many shapes of one and the same death: it is reproduced at will afterwards
            how = How(accel, require_kvm, jobs, vmcore=False)
            with shown() as progress, open_trials(root, spec, runs, how, progress) as trials:
                folder = trials.folder
                found = minimise(spec, subject, trials, folder.path, attempts, _tell)
        except KeyboardInterrupt:
            fail("interrupted, no file was written")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except HostError as error:
            fail(str(error))
            raise typer.Exit(EXIT_HARNESS) from None
    if found is None:
        fail(f"{spec.name} does not show on {subject.kernel.name} as it is; attempts: {folder.path}")
        raise typer.Exit(EXIT_BAD)
    _write(root, spec, source, target, found)
    rows(["", "was", "is"], [*found.rows, ("shows", _of(found.before), _of(found.now))])
    if found.spent:
        say(f"all {attempts} attempts were made before everything was tried; --attempts allows more")
    say(f"written: {target} ({found.attempts} attempts; log: {folder.path / 'minimise.jsonl'})")


def _tell(tried: Try) -> None:
    how = tried.why or f"shows in {_of(tried.grade)}"
    say(f"{tried.what} {tried.was} -> {tried.now}: {how}: {'kept' if tried.held else 'not kept'}")


def _check_target(target: Path) -> None:
    if target.exists():
        raise SpecError(f"--out {target}: is there already; name another file")
    if target.suffix not in (".yaml", ".yml") or not target.parent.is_dir():
        raise SpecError(f"--out {target}: is to be a .yaml file in a folder that exists")


def _write(root: Path, bug: BugSpec, source: Path, target: Path, found: Minimised) -> None:
    """Write the file, and read it again: what can't be read is no bug file."""
    now = {what: (was, is_now) for what, was, is_now in found.rows if what in found.changed}
    told = ", ".join(f"{what} {was} -> {is_now}" for what, (was, is_now) in now.items()) or "nothing could be smaller"
    params = {what: _number(is_now) for what, is_now in found.changed.items() if what not in (VCPUS, MEMORY)}
    vcpus = int(found.changed[VCPUS]) if VCPUS in found.changed else None
    remark = f"Made of {bug.name} by ./tb minimise: {told}; shows in {_of(found.now)}."
    write_smaller(source, target, params, found.changed.get(MEMORY), vcpus, remark)
    load_bug(root, target)


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _of(grade: Grade) -> str:
    return f"{grade.shown} of {grade.runs}"
