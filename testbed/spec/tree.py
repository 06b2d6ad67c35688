# SPDX-License-Identifier: GPL-2.0-only
"""Where things stand in a checkout, and how a name becomes a file."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import SpecError
from testbed.spec.hints import unknown

__all__ = ["BUGS", "KINDS", "SUITES", "Tree", "check_name"]

KINDS = ("benign", "malicious", "stress")
#: The folder of suites, which stands in their names as a kind does in a scenario's.
SUITES = "suites"
#: The folder of bugs, likewise.
BUGS = "bugs"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_name(name: str) -> str:
    """Return the name if it can stand in a file name and in a kernel or cell name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name; names are letters, digits, '.', '_' and '-', like dontneed-loop")
    return name


@dataclass(frozen=True)
class Tree:
    """A checkout: ``kernel/``, ``guests/``, ``scenarios/`` and, where there are any, ``machines/`` below its root."""

    root: Path

    @property
    def kernels_file(self) -> Path:
        """The file that lists the kernels."""
        return self.root / "kernel" / "kernels.yaml"

    def fragment(self, name: str) -> Path:
        """Return the file of a config fragment."""
        return self.root / "kernel" / "config" / f"{name}.config"

    def fragments(self) -> tuple[str, ...]:
        """Return the names of all config fragments; ``base`` is in every kernel and none of them."""
        return _stems(self.root / "kernel" / "config", "*.config", leave_out=("base",))

    def series_folder(self, name: str) -> Path:
        """Return the folder of a patch series."""
        return self.root / "kernel" / "series" / name

    def series(self) -> tuple[str, ...]:
        """Return the names of all patch series."""
        return tuple(sorted(p.name for p in self.series_folder("").glob("*") if p.is_dir()))

    def guests(self) -> tuple[str, ...]:
        """Return the names of all guests."""
        return _stems(self.root / "guests", "*.yaml")

    def workloads(self) -> tuple[str, ...]:
        """Return the names of all workloads."""
        return _stems(self.root / "guests" / "workloads", "*.c")

    def matrices(self) -> tuple[str, ...]:
        """Return the names of all matrices."""
        return _stems(self.scenarios_folder / "matrices", "*.yaml")

    def machines(self) -> tuple[str, ...]:
        """Return the names of all physical machines."""
        return _stems(self.root / "machines", "*.yaml")

    def machine_file(self, name: str) -> Path:
        """Return the file of a machine that exists."""
        if not self.machines():
            raise SpecError(f"machine {name!r}: no machine is described below machines/; docs/machines.md says how")
        return self.root / "machines" / f"{_known('machine', name, self.machines())}.yaml"

    @property
    def scenarios_folder(self) -> Path:
        """The folder that scenario names are relative to."""
        return self.root / "scenarios"

    def scenarios(self) -> tuple[str, ...]:
        """Return the names of all scenarios: paths below the folder, without the suffix."""
        files = (file for kind in KINDS for file in (self.scenarios_folder / kind).rglob("*.yaml"))
        return tuple(sorted(self.scenario_name(file) for file in files))

    def suites(self) -> tuple[str, ...]:
        """Return the names of all suites, such as ``suites/selftests-mm``."""
        return tuple(sorted(self.scenario_name(file) for file in (self.scenarios_folder / SUITES).glob("*.yaml")))

    def bugs(self) -> tuple[str, ...]:
        """Return the names of all bugs, such as ``bugs/server-vmpte-110g``."""
        return tuple(sorted(self.scenario_name(file) for file in (self.scenarios_folder / BUGS).glob("*.yaml")))

    def bug_file(self, name: str) -> Path:
        """Return the file of a bug that exists."""
        return self.scenarios_folder / f"{_known('bug', name, self.bugs())}.yaml"

    def scenario_name(self, file: Path) -> str:
        """Return the name of a scenario file that stands below the scenarios folder."""
        return file.relative_to(self.scenarios_folder).with_suffix("").as_posix()

    def guest_file(self, name: str) -> Path:
        """Return the file of a guest that exists."""
        return self.root / "guests" / f"{_known('guest', name, self.guests())}.yaml"

    def matrix_file(self, name: str) -> Path:
        """Return the file of a matrix that exists."""
        return self.scenarios_folder / "matrices" / f"{_known('matrix', name, self.matrices())}.yaml"

    def scenario_file(self, name: str) -> Path:
        """Return the file of a scenario or suite that exists."""
        parts = name.split("/")
        if name.startswith("/") or ".." in parts:
            raise SpecError(f"scenario {name!r} leaves the scenarios folder; names are like benign/dontneed-loop")
        known = (*self.scenarios(), *self.suites())
        return self.scenarios_folder / f"{_known('scenario', name, known)}.yaml"


def _stems(folder: Path, pattern: str, leave_out: Iterable[str] = ()) -> tuple[str, ...]:
    return tuple(sorted({file.stem for file in folder.glob(pattern)} - set(leave_out)))


def _known(what: str, name: str, known: tuple[str, ...]) -> str:
    if name not in known:
        raise SpecError(unknown(what, name, known))
    return name
