# SPDX-License-Identifier: GPL-2.0-only
"""``tb bisect``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from testbed.build import Progress
from testbed.cli.output import fail, say
from testbed.cli.progress import shown
from testbed.cli.run import AccelName, Jobs, Out, RequireKvm, check_where
from testbed.cli.where import checkout_root
from testbed.errors import HostError, SpecError
from testbed.judge.grade import ALPHA
from testbed.judge.linesearch import Lost
from testbed.report.bisect import found_lines, lost_line, resume_line, step_line, task_line
from testbed.run.bisect.asked import Over, open_ground
from testbed.run.bisect.ground import Ground, facts_of
from testbed.run.bisect.log import BisectLog
from testbed.run.bisect.search import Outcome, search
from testbed.run.conduct import EXIT_BAD, EXIT_HARNESS, EXIT_INTERRUPTED, EXIT_OK
from testbed.run.reproduce.reopen import reopen_trials
from testbed.run.reproduce.trials import BugTrials, How, open_trials
from testbed.run.signals import interruptible
from testbed.spec import BugSpec, load_bug
from testbed.store.folder import RunFolder

__all__ = ["bisect"]

#: So many times the bug file's attempts are made at the bad end: a bug that shows in 1 run of 10 is missed by 60 with a
#: chance of 0.2 %.
END_ATTEMPTS = 6

Bug = Annotated[str, typer.Argument(metavar="BUG", help="Bug by name or file.")]
Series = Annotated[
    str | None, typer.Option(metavar="KERNEL", help="Over the patches of this kernel; default: of the bug's own.")
]
Git = Annotated[str | None, typer.Option(metavar="REPO", help="Over commits of this tree, a folder or URL.")]
Good = Annotated[str | None, typer.Option(metavar="REV", help="Revision of the tree without the bug.")]
Bad = Annotated[str | None, typer.Option(metavar="REV", help="Revision of the tree with it.")]
Kernel = Annotated[
    str | None, typer.Option("--kernel", "-k", help="Whose options --git builds with, or what --guest runs.")
]
Config = Annotated[
    tuple[str, str] | None,
    typer.Option(metavar="GOOD BAD", help="Over the options that the second kernel asks for and the first does not."),
]
Guest = Annotated[
    tuple[str, str] | None, typer.Option(metavar="GOOD BAD", help="Over shapes of the guest between these two.")
]
Attempts = Annotated[
    int | None,
    typer.Option("--attempts", "-n", min=1, help="At most so many at the bad end; default: 6 times the bug file's."),
]
Alpha = Annotated[float, typer.Option(help="The chance that the answer may be wrong.")]
Resume = Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a bisection: its folder, or its id.")]

#: What may stand beside --resume: all else is the bisection's.
BESIDE_RESUME = ("bug", "resume", "accel", "require_kvm", "jobs", "out")


@dataclass(frozen=True)
class _Work:
    """A bisection that is ready to go on."""

    ground: Ground
    trials: BugTrials
    log: BisectLog


def bisect(
    context: typer.Context,
    bug: Bug,
    series: Series = None,
    git: Git = None,
    good: Good = None,
    bad: Bad = None,
    config: Config = None,
    guest: Guest = None,
    kernel: Kernel = None,
    attempts: Attempts = None,
    alpha: Alpha = ALPHA,
    accel: AccelName = "auto",
    require_kvm: RequireKvm = False,
    jobs: Jobs = None,
    resume: Resume = None,
    out: Out = Path("runs"),
) -> None:
    """Find the patch, commit, option or shape of the guest that a bug came with, also where it shows now and then."""
    root = checkout_root()
    check_where(accel, require_kvm, None, jobs)
    spec = load_bug(root, bug)
    how = How(accel, require_kvm, jobs)
    with interruptible():
        folder = None
        try:
            with shown() as progress:
                if resume is not None:
                    _refuse_plan(context)
                    opened = _again(root, spec, RunFolder.find(resume, out), how, progress)
                else:
                    if not 0 < alpha < 1:
                        raise SpecError(f"--alpha {alpha}: is a probability between 0 and 1, like {ALPHA}")
                    over = Over(series, git, good, bad, config, guest, kernel)
                    settings = {"alpha": alpha, "attempts": attempts or END_ATTEMPTS * spec.attempts}
                    opened = _anew(root, spec, over, settings, how, out, progress)
                with opened as work:
                    folder = work.trials.folder
                    outcome = _search(work)
        except KeyboardInterrupt:
            fail(resume_line(bug, folder.path) if folder else "interrupted before the first step")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except HostError as error:
            if folder is None:
                raise
            fail(str(error))
            fail(resume_line(bug, folder.path))
            raise typer.Exit(EXIT_HARNESS) from None
    raise typer.Exit(_conclude(work, outcome))


@contextmanager
def _anew(
    root: Path, bug: BugSpec, over: Over, settings: dict[str, Any], how: How, out: Path, progress: Progress
) -> Iterator[_Work]:
    with open_ground(root, bug, over, progress) as (ground, fixed):
        facts = facts_of(root, bug, ground, progress)
        with open_trials(root, bug, out, how, progress) as trials:
            inputs = {"bug": bug.name, "over": fixed.stored(), **settings, "facts": facts}
            yield _Work(ground, trials, BisectLog.create(trials.folder.path, inputs))


@contextmanager
def _again(root: Path, bug: BugSpec, folder: RunFolder, how: How, progress: Progress) -> Iterator[_Work]:
    log = BisectLog.read(folder.path)
    if log.inputs["bug"] != bug.name:
        raise SpecError(f"{folder.path}: this is a bisection of {log.inputs['bug']}, and not of {bug.name}")
    with open_ground(root, bug, Over.read(log.inputs["over"], str(log.path)), progress) as (ground, _):
        log.check(facts_of(root, bug, ground, progress))
        with reopen_trials(root, bug, folder, how, progress) as trials:
            say(f"{folder.path}: {len(log.steps)} steps are done")
            yield _Work(ground, trials, log)


def _search(work: _Work) -> Outcome:
    log, run = work.log, work.trials.within
    return search(
        work.ground,
        work.trials,
        log,
        log.inputs["alpha"],
        log.inputs["attempts"],
        lambda subject: run.finished(work.trials.bug, subject),
        lambda task, candidate, grade: say(task_line(task, candidate.name, grade)),
        lambda step: say(step_line(step)),
    )


def _conclude(work: _Work, outcome: Outcome) -> int:
    """Tell how it ended, and give the exit code."""
    if isinstance(outcome.ended, Lost):
        fail(lost_line(outcome.ended))
        return EXIT_HARNESS if outcome.ended.unjudged else EXIT_BAD
    for line in found_lines(work.ground.over, outcome.ended, outcome.steps, work.trials.folder):
        say(line)
    return EXIT_OK


def _refuse_plan(context: typer.Context) -> None:
    """Raise SpecError if something that the bisection has itself was given beside --resume."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in BESIDE_RESUME:
            raise SpecError(
                f"{parameter.opts[0]}: a bisection is gone on with as it began; leave it out beside --resume"
            )
