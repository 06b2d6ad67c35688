# SPDX-License-Identifier: GPL-2.0-only
"""From what was asked for to the list of cells, before anything is built or started."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from testbed.errors import SpecError
from testbed.spec import (
    BoundScenario,
    BugSpec,
    GuestSpec,
    KernelSpec,
    MatrixSpec,
    is_suite,
    list_matrices,
    load_binding,
    load_guest,
    load_matrix,
    load_suite,
    refuse_bug,
    resolve_kernel,
)

__all__ = ["Cell", "Request", "content_digest", "is_matrix", "kernels_of", "plan"]

DEFAULT_MATRIX = "quick"


@dataclass(frozen=True)
class Request:
    """What a person asked for; empty means the default of the matrix. ``run.json`` keeps it, to plan again."""

    root: Path
    targets: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    guest: str | None = None
    scale: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    repeat: int = 1
    accel: str = "auto"
    require_kvm: bool = False
    jobs: int | None = None
    census: bool = True
    machine: str | None = None
    retry: bool = False

    def stored(self) -> dict[str, Any]:
        """Give the JSON form, without the checkout: a run is gone on with in any checkout that plans the same."""
        # a file is named from where the person stood
        targets = [_absolute(name) for name in self.targets]
        machine = self.machine and _absolute(self.machine)
        form = {**asdict(self), "targets": targets, "kernels": list(self.kernels), "machine": machine}
        del form["root"]
        return form

    @classmethod
    def read(cls, root: Path, stored: Any, where: str) -> "Request":
        """Give the request of a stored form; SpecError, beginning with ``where``, if it is none."""
        known = {each.name for each in fields(cls)} - {"root"}
        if not isinstance(stored, dict) or set(stored) != known:
            raise SpecError(f"{where}: holds no request that this version can plan again; start the run anew")
        return cls(root, **{**stored, "targets": tuple(stored["targets"]), "kernels": tuple(stored["kernels"])})


@dataclass(frozen=True)
class Cell:
    """One (kernel, guest, scenario, attempt), with all that it takes to run it; ``bug`` is what the attempt is at."""

    kernel: KernelSpec
    guest: GuestSpec
    scenario: BoundScenario
    attempt: int
    bug: BugSpec | None = None

    @property
    def name(self) -> str:
        """The cell's name, unique in a run: ``kernel/guest/scenario#attempt``."""
        return f"{self.kernel.name}/{self.guest.name}/{self.scenario.label}#{self.attempt}"

    @property
    def memory_bytes(self) -> int:
        """RAM of the guest: the scenario's wish, else the guest's own."""
        return self.scenario.memory_bytes or self.guest.memory_bytes

    @property
    def workload_line(self) -> str:
        """The shell line that runs the cell's workload inside its guest."""
        env = [f"{key}={shlex.quote(value)}" for key, value in self.scenario.env.items()]
        return " ".join([*env, shlex.join([f"/workloads/{self.scenario.workload}", *self.scenario.argv])])

    @property
    def digest(self) -> str:
        """A hash of what the cell runs and what is expected of it, so that a change under the same name is seen."""
        return content_digest([self.guest, self.scenario])


def content_digest(value: Any) -> str:
    """Give a hash of specs, whatever files and lines they were read from."""
    return hashlib.sha256(json.dumps(_content(value), sort_keys=True).encode()).hexdigest()


def plan(request: Request) -> list[Cell]:
    """Expand a request; kernels stand side by side (innermost) so that they run close in time.

    Raises SpecError (from the spec layer) on anything that does not exist or does not fit.
    """
    cells: dict[str, Cell] = {}
    guests: dict[str, GuestSpec] = {}  # a suite has one for many tests
    for matrix in _matrices(request):
        kernels = [resolve_kernel(request.root, name) for name in request.kernels or matrix.kernels]
        for target, overrides in matrix.scenarios:
            bind = load_binding(request.root, target)
            for bound in bind(request.scale or matrix.scale, {**overrides, **request.overrides}):
                name = request.guest or bound.guest
                guest = guests[name] if name in guests else load_guest(request.root, name)
                guests[name] = guest
                _check_programs(guest, bound)
                for attempt in range(1, request.repeat + 1):
                    for kernel in kernels:
                        cell = Cell(kernel, guest, bound, attempt)
                        cells[cell.name] = cell
    return list(cells.values())


def kernels_of(request: Request) -> tuple[str, ...]:
    """Give the names of the kernels that a request runs on, each once."""
    named = request.kernels or [name for matrix in _matrices(request) for name in matrix.kernels]
    return tuple(dict.fromkeys(named))


def _check_programs(guest: GuestSpec, bound: BoundScenario) -> None:
    """Raise SpecError where a test is to run in a guest without its program in it."""
    folder = bound.test.program.partition("/")[0] if bound.test else None
    if folder and (guest.selftests is None or folder not in guest.selftests.folders):
        raise SpecError(f"guest {guest.name} has no selftests of {folder}; {bound.name} runs in {bound.guest}")


def _matrices(request: Request) -> Sequence[MatrixSpec]:
    """Give each target as a matrix; a scenario runs on the kernels of the default matrix, a suite on its own."""
    default = load_matrix(request.root, DEFAULT_MATRIX)
    if not request.targets:
        return [default]
    found = []
    for target in request.targets:
        refuse_bug(request.root, target)
        if is_matrix(request.root, target):
            found.append(load_matrix(request.root, target))
        elif is_suite(request.root, target):
            suite = load_suite(request.root, target)
            found.append(replace(default, kernels=suite.kernels, scenarios=((target, {}),)))
        else:
            found.append(replace(default, scenarios=((target, {}),)))
    return found


def is_matrix(root: Path, target: str) -> bool:
    """Tell a matrix from a scenario: by its name, its folder, or the list of scenarios that only a matrix has."""
    if target in list_matrices(root) or Path(target).resolve().parent.name == "matrices":
        return True
    return _is_file(target) and "\nscenarios:" in Path(target).read_text(errors="replace")


def _absolute(name: str) -> str:
    """Give the path of a file, and the name of anything else."""
    return str(Path(name).absolute()) if _is_file(name) else name


def _is_file(target: str) -> bool:
    path = Path(target)
    return path.suffix in (".yaml", ".yml") and path.is_file()


def _content(value: Any) -> Any:
    """Give a spec as JSON can hold it, without the places in files that it was read from, and files by their names."""
    if is_dataclass(value):
        return {each.name: _content(getattr(value, each.name)) for each in fields(value) if each.name != "where"}
    if isinstance(value, Mapping):
        return {key: _content(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_content(item) for item in value]
    return value.name if isinstance(value, Path) else value
