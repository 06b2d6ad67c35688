# SPDX-License-Identifier: GPL-2.0-only
"""``tb report``."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.conclude import Emitter, conclude, print_grades
from testbed.cli.output import say
from testbed.errors import SpecError
from testbed.judge.drift import Drift
from testbed.judge.trend import Series
from testbed.report.kcidb import ORIGIN
from testbed.run.conduct import Conducted
from testbed.run.formats import run_html, run_junit, run_kcidb, run_ktap
from testbed.store.durable import write_whole
from testbed.store.folder import HISTORY, RunFolder, history_url

__all__ = ["report"]

STDOUT = "-"


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its id below runs/.")],
    html: Annotated[str | None, typer.Option(metavar="F", help="Write a page of its own there; - is stdout.")] = None,
    junit: Annotated[str | None, typer.Option(metavar="F", help="Write JUnit XML there.")] = None,
    ktap: Annotated[str | None, typer.Option(metavar="F", help="Write KTAP version 1 there.")] = None,
    kcidb: Annotated[str | None, typer.Option(metavar="F", help="Write KCIDB I/O JSON there.")] = None,
    origin: Annotated[str, typer.Option(help="With --kcidb: what KernelCI calls your CI system.")] = ORIGIN,
    db: Annotated[
        str | None, typer.Option(help="With --html: the database; default: history.sqlite beside RUN.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="One line of JSON per cell on stdout.")] = False,
) -> None:
    """Print the table of a run again, or write it in other formats."""
    opened = RunFolder.find(run, Path("runs"))
    header, records = opened.header(), opened.records()
    wanted: tuple[tuple[str, str | None, Callable[[], str]], ...] = (
        ("--html", html, lambda: run_html(opened, header, records, _history(opened, db))),
        ("--junit", junit, lambda: run_junit(opened, header, records)),
        ("--ktap", ktap, lambda: run_ktap(opened, header, records)),
        ("--kcidb", kcidb, lambda: run_kcidb(opened, header, records, origin)),
    )
    targets = {option: target for option, target, _ in wanted if target is not None}
    _check(targets, json_)
    # all are made before the first is written: one that can't be made leaves nothing behind
    texts = {option: make() for option, target, make in wanted if target is not None}
    for option, text in texts.items():
        _write(option, targets[option], text)
    Emitter(json_).rest(records)
    recorded = {record["cell"] for record in records}
    left = [name for name in header.get("cells", ()) if name not in recorded]
    to_program = json_ or STDOUT in targets.values()
    conclude(Conducted(opened, records, interrupted=False, left=left), to_program)
    grades = opened.grades()
    if grades:
        print_grades(grades, to_program)


def _history(folder: RunFolder, db: str | None) -> list[tuple[Series, Drift]]:
    """Give what history says of a run; nothing where none was named and there is none, or the run is not in it."""
    beside = folder.path.resolve().parent
    if db is None and not (beside / HISTORY).is_file():
        return []
    # SQLAlchemy takes half a second to import, which only who asks for history should wait for
    from testbed.run.judged import judged_against, known
    from testbed.store.history import open_history

    with open_history(db or history_url(beside)) as history:
        return judged_against(history, folder.id) if known(history, folder.id) else []


def _check(targets: Mapping[str, str], json_: bool) -> None:
    """Raise SpecError if two things are to go to one place, or one to where there is no folder."""
    if json_ and STDOUT in targets.values():
        raise SpecError("--json: writes to stdout, where a format goes too; name a file for the format")
    for target, times in Counter(targets.values()).items():
        if times > 1:
            options = " and ".join(option for option, other in targets.items() if other == target)
            raise SpecError(f"{options}: both go to {target}; name a place for each")
    for option, target in targets.items():
        if target != STDOUT and not Path(target).parent.is_dir():
            raise SpecError(f"{option} {target}: no folder {Path(target).parent}; make it first, or name another file")
        if Path(target).is_dir():
            raise SpecError(f"{option} {target}: is a folder; name a file in it")


def _write(option: str, target: str, text: str) -> None:
    """Write a file as a whole; a device or a pipe is written into, not replaced."""
    path = Path(target)
    try:
        if target == STDOUT:
            say(text.removesuffix("\n"))
        elif path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            write_whole(path.resolve(), text)
    except OSError as error:
        raise SpecError(f"{option} {target}: {error.strerror}; name a file that can be written") from error
