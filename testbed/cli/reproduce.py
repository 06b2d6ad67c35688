# SPDX-License-Identifier: GPL-2.0-only
"""``tb reproduce``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.conclude import print_grades
from testbed.cli.output import emit, fail, say
from testbed.cli.progress import shown
from testbed.cli.run import AccelName, Jobs, Out, RequireKvm, Settings, check_where, settings_of
from testbed.cli.where import checkout_root
from testbed.errors import SpecError
from testbed.run.conduct import EXIT_INTERRUPTED
from testbed.run.reproduce import reproduce as work
from testbed.run.reproduce.grades import Row, Search
from testbed.run.reproduce.trials import How, open_run
from testbed.run.signals import interruptible
from testbed.spec import list_bugs, load_bug
from testbed.spec.tree import BUGS
from testbed.store.folder import GRADES, RunFolder

__all__ = ["reproduce"]

Bugs = Annotated[list[str] | None, typer.Argument(metavar="BUG", help="Bugs by name or file; default: all.")]
Attempts = Annotated[
    int | None, typer.Option("--attempts", "-n", min=1, help="At most so many on a kernel; default: the bug file's.")
]
Kernels = Annotated[
    list[str] | None, typer.Option("--kernel", "-k", help="Kernel; default: those that the bug file names.")
]
NoStop = Annotated[bool, typer.Option("--no-stop", help="Make all attempts, even when the grade is sure before.")]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON for each bug and kernel on stdout.")]


def reproduce(
    bug: Bugs = None,
    attempts: Attempts = None,
    kernel: Kernels = None,
    accel: AccelName = "auto",
    require_kvm: RequireKvm = False,
    jobs: Jobs = None,
    setting: Settings = None,
    no_stop: NoStop = False,
    out: Out = Path("runs"),
    json_: Json = False,
) -> None:
    """Look for reported bugs on kernels that have them and on such that have not, and grade how reliably they show."""
    root = checkout_root()
    check_where(accel, require_kvm, None, jobs)
    wanted = _wanted(root, bug or list_bugs(root), kernel or [], attempts, settings_of(setting or []))
    bugs = list({each.bug.name: each.bug for each in wanted}.values())
    facts = {"searches": [each.again for each in wanted]}

    def told(row: Row) -> None:
        if json_:
            emit(row)

    with interruptible():
        try:
            with (
                shown() as progress,
                open_run(root, bugs, out, How(accel, require_kvm, jobs), progress, facts=facts) as run,
            ):
                done = work.reproduce(run, wanted, not no_stop, told)
        except KeyboardInterrupt:
            fail("interrupted while no attempt was under way")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    _conclude(run.folder, done, json_)
    raise typer.Exit(work.reproduce_exit(done))


def _wanted(
    root: Path, targets: Sequence[str], kernels: Sequence[str], attempts: int | None, settings: dict[str, str]
) -> list[Search]:
    """Give all that is to be looked for; a bug that is named twice counts once. SpecError before anything starts."""
    if not targets:
        raise SpecError(f"{root / 'scenarios' / 'bugs'}: there is no bug file; name one, or write one there")
    found: dict[str, list[Search]] = {}
    for target in targets:
        bug = load_bug(root, _full_name(root, target))
        found.setdefault(bug.name, work.searches(root, target, bug, kernels, attempts, settings))
    return [search for searches in found.values() for search in searches]


def _full_name(root: Path, target: str) -> str:
    """Give the name of the bug that a person calls by the last part of it; anything else as it is."""
    name = f"{BUGS}/{target}"
    return name if name in list_bugs(root) else target


def _conclude(folder: RunFolder, done: work.Reproduced, to_program: bool) -> None:
    """Tell a person how it ended."""
    write = fail if to_program else say
    if done.rows:
        print_grades(done.rows, to_program)
    write(f"attempts: ./tb report {folder.path}; grades: {folder.path / GRADES}")
    if done.broken:
        fail(done.broken)
    if done.left:
        write(f"not looked for any more: {', '.join(each.again for each in done.left)}")
