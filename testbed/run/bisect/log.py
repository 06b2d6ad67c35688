# SPDX-License-Identifier: GPL-2.0-only
"""``bisect.jsonl`` in a run's folder: what was asked for, and each step once it is done."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from testbed.errors import SpecError
from testbed.judge.bisection import Step
from testbed.judge.grade import Grade
from testbed.store.durable import append_lines, cut_torn_line, whole_lines, write_whole

__all__ = ["NAME", "BisectLog"]

NAME = "bisect.jsonl"


@dataclass(frozen=True)
class BisectLog:
    """A log that exists. ``inputs`` has what was asked for and the facts that may not change."""

    path: Path
    inputs: Mapping[str, Any]
    steps: tuple[Step, ...] = ()

    @classmethod
    def create(cls, folder: Path, inputs: Mapping[str, Any]) -> "BisectLog":
        """Begin a log."""
        path = folder / NAME
        write_whole(path, json.dumps({"inputs": inputs}) + "\n")
        return cls(path, inputs)

    @classmethod
    def read(cls, folder: Path) -> "BisectLog":
        """Read a log, less a last line that was cut off; SpecError where there is none or it holds other lines."""
        path = folder / NAME
        if not path.is_file():
            raise SpecError(f"{folder}: no bisection (it has no {NAME}); name the folder of one")
        cut_torn_line(path)
        lines = whole_lines(path)
        try:
            inputs = json.loads(lines[0])["inputs"]
        except (ValueError, LookupError, TypeError) as error:
            raise SpecError(f"{path}:1: not what a bisection begins with; start it anew") from error
        return cls(path, inputs, tuple(_steps(path, lines[1:])))

    def append(self, step: Step) -> None:
        """Add a step; it is on the disk when this returns."""
        append_lines(self.path, [json.dumps({**asdict(step), "grade": [step.grade.shown, step.grade.runs]})])

    def check(self, facts: Mapping[str, Any]) -> None:
        """Raise SpecError if something is not any more as it was when the bisection began."""
        was = self.inputs["facts"]
        # through JSON, as what was stored
        now = json.loads(json.dumps(facts))
        changed = [what for what in now if was.get(what) != now[what]]
        if changed:
            raise SpecError(f"{self.path}: {', '.join(changed)} changed since; put it back, or start a new bisection")


def _steps(path: Path, lines: Iterable[str]) -> Iterable[Step]:
    for number, line in enumerate(lines, 2):
        try:
            fields = json.loads(line)
            kept = {**fields, "cells": tuple(fields["cells"]), "showing": tuple(fields["showing"])}
            yield Step(**{**kept, "grade": Grade(*fields["grade"])})
        except (ValueError, LookupError, TypeError) as error:
            raise SpecError(
                f"{path}:{number}: not a step; cut the log there, and what follows is done again"
            ) from error
