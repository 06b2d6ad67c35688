# SPDX-License-Identifier: GPL-2.0-only
"""Mutants: patches on top of the series ptreclaim, each of which plants a bug that some scenario has to catch.

A mutant's header says so in fields, ``Name: text``; a line that begins with a blank goes on with the one before. Those
of FIELDS must be there. Further ones:

``Set``       KEY=VALUE pairs for the scenario; each such line is a trial of its own, and each must catch the mutant
``Guest``     in place of the scenario's own
``With``      a patch of the same folder that is applied first, and without the mutant for the control
``Evidence``  a regular expression that the report of the crash matches
"""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.errors import SpecError

__all__ = ["FOLDER", "KERNEL", "ROOT", "Caught", "Mutant", "Trial", "mutated", "read_mutant", "read_mutants", "try_on"]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent / "mutants"
SERIES = "ptreclaim"
KERNEL = "ptreclaim-6.12+debug"
FIELDS = ("Mutant", "Plants", "After", "Scenario", "Verdict", "Sign", "Why")
OTHERS = ("Set", "Guest", "With", "Evidence")
VERDICTS = ("crash", "fail")


@dataclass(frozen=True)
class Trial:
    """What is run: a scenario by name or by its file below the checkout, on the series and ``first``."""

    scenario: str
    settings: tuple[str, ...]
    guest: str | None
    first: Path | None

    def __str__(self) -> str:
        return ",".join([self.scenario, *self.settings, *([self.guest] if self.guest else [])])


@dataclass(frozen=True)
class Mutant:
    """A bug, and how it must show: one of the verdicts, told with the sign; the report of a crash has the evidence."""

    path: Path
    trials: tuple[Trial, ...]
    verdicts: tuple[str, ...]
    sign: str
    evidence: str | None

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def patches(self) -> tuple[Path, ...]:
        """What is applied on top of the series, in order."""
        first = self.trials[0].first
        return (first, self.path) if first else (self.path,)


@dataclass(frozen=True)
class Caught:
    """What a run told: its record, and the report of the crash, "" without one."""

    record: dict[str, Any]
    report: str

    @property
    def told(self) -> str:
        """Why the verdict is what it is. A reason may have been told before the console's line was whole."""
        return f"{self.record['reason']}\n{self.report}"


def read_mutants() -> tuple[Mutant, ...]:
    """Every mutant of the folder; what others apply first is none."""
    patches = sorted(FOLDER.glob("*.patch"))
    needed = {first for path in patches for first in re.findall(r"^With: (\S+)$", path.read_text(), re.M)}
    return tuple(read_mutant(path) for path in patches if path.name not in needed)


def read_mutant(path: Path) -> Mutant:
    """Read the header; SpecError names the line, or the field that is missing."""
    fields: dict[str, list[str]] = {}
    name = ""
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.startswith("--- "):
            break
        if line.startswith(" ") and name:
            fields[name][-1] += line
        elif found := re.fullmatch(r"([\w-]+): (.+)", line):
            name = found[1]
            if name not in (*FIELDS, *OTHERS, "SPDX-License-Identifier"):
                raise SpecError(f"{path}:{number}: no such field: {name}; there are {', '.join(FIELDS + OTHERS)}")
            fields.setdefault(name, []).append(found[2])
        elif line:
            raise SpecError(f"{path}:{number}: neither 'Field: text' nor, after a blank, more of the field before")
    for name in FIELDS:
        if name not in fields:
            raise SpecError(f"{path}:1: the header has no {name}: line")
    return _mutant(path, fields)


def _mutant(path: Path, fields: dict[str, list[str]]) -> Mutant:
    def one(name: str) -> str | None:
        values = fields.get(name, [None])
        if len(values) > 1:
            raise SpecError(f"{path}:1: the header has {name}: twice; one is enough")
        return values[0]

    verdicts = tuple(str(one("Verdict")).split(", "))
    if not set(verdicts) <= set(VERDICTS):
        raise SpecError(f"{path}:1: Verdict: must be {' or '.join(VERDICTS)}, or both with a comma")
    first = one("With")
    if first and not (path.parent / first).is_file():
        raise SpecError(f"{path}:1: With: {first}: no such file beside it")
    trials = tuple(
        Trial(str(one("Scenario")), tuple(settings.split()), one("Guest"), path.parent / first if first else None)
        for settings in fields.get("Set", [""])
    )
    return Mutant(path, trials, verdicts, str(one("Sign")), one("Evidence"))


def mutated(folder: Path, patches: tuple[Path, ...]) -> Path:
    """Make a checkout that is this one but for its series, which goes on with the patches; return its root."""
    root = folder / "checkout"
    (root / "kernel" / "series").mkdir(parents=True)
    for name in ("guests", "scenarios", "kernel/config", "kernel/kernels.yaml"):
        (root / name).symlink_to(ROOT / name)
    for series in (ROOT / "kernel" / "series").iterdir():
        shutil.copytree(series, root / "kernel" / "series" / series.name)
    ours = root / "kernel" / "series" / SERIES
    for patch in patches:
        shutil.copyfile(patch, ours / patch.name)
    listing = ours / "series"
    listing.write_text("".join(f"{line}\n" for line in [*listing.read_text().splitlines(), *(p.name for p in patches)]))
    return root


def try_on(root: Path, trial: Trial, out: Path) -> Caught:
    """Run the trial as a user would in that checkout; whatever is missing is built first."""
    scenario = str(ROOT / trial.scenario) if trial.scenario.endswith(".yaml") else trial.scenario
    words = ["run", scenario, "--kernel", KERNEL, "--json", "--out", str(out)]
    words += ["--guest", trial.guest] if trial.guest else []
    for setting in trial.settings:
        words += ["--set", setting]
    argv = [sys.executable, "-c", "from testbed.cli import main; main()", *words]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1, done.stderr
    reports = [path.read_text(errors="replace") for path in sorted(out.glob("*/cells/**/crash.txt"))]
    return Caught(json.loads(lines[0]), "".join(reports))
