# SPDX-License-Identifier: GPL-2.0-only
"""From what was asked for to the list of cells, before anything is built or started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from testbed.spec import (
    BoundScenario,
    GuestSpec,
    KernelSpec,
    MatrixSpec,
    list_matrices,
    load_guest,
    load_matrix,
    load_scenario,
    resolve_kernel,
)

__all__ = ["Cell", "Request", "is_matrix", "plan"]

DEFAULT_MATRIX = "quick"


@dataclass(frozen=True)
class Request:
    """What a person asked for; empty means the default of the matrix."""

    root: Path
    targets: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    guest: str | None = None
    scale: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    repeat: int = 1


@dataclass(frozen=True)
class Cell:
    """One (kernel, guest, scenario, attempt), with all that it takes to run it."""

    kernel: KernelSpec
    guest: GuestSpec
    scenario: BoundScenario
    attempt: int

    @property
    def name(self) -> str:
        """The cell's name, unique in a run: ``kernel/guest/scenario#attempt``."""
        return f"{self.kernel.name}/{self.guest.name}/{self.scenario.label}#{self.attempt}"

    @property
    def memory_bytes(self) -> int:
        """RAM of the guest: the scenario's wish, else the guest's own."""
        return self.scenario.memory_bytes or self.guest.memory_bytes


def plan(request: Request) -> list[Cell]:
    """Expand a request; kernels stand side by side (innermost) so that they run close in time.

    Raises SpecError (from the spec layer) on anything that does not exist or does not fit.
    """
    cells: dict[str, Cell] = {}
    for matrix in _matrices(request):
        kernels = [resolve_kernel(request.root, name) for name in request.kernels or matrix.kernels]
        for name, overrides in matrix.scenarios:
            scenario = load_scenario(request.root, name)
            bound = scenario.at(request.scale or matrix.scale, {**overrides, **request.overrides})
            guest = load_guest(request.root, request.guest or bound.guest)
            for attempt in range(1, request.repeat + 1):
                for kernel in kernels:
                    cell = Cell(kernel, guest, bound, attempt)
                    cells[cell.name] = cell
    return list(cells.values())


def _matrices(request: Request) -> Sequence[MatrixSpec]:
    """Give each target as a matrix; a scenario runs on the kernels of the default matrix."""
    default = load_matrix(request.root, DEFAULT_MATRIX)
    if not request.targets:
        return [default]
    found = []
    for target in request.targets:
        if is_matrix(request.root, target):
            found.append(load_matrix(request.root, target))
        else:
            found.append(replace(default, scenarios=((target, {}),)))
    return found


def is_matrix(root: Path, target: str) -> bool:
    """Tell a matrix from a scenario: by its name, its folder, or the list of scenarios that only a matrix has."""
    path = Path(target)
    if target in list_matrices(root) or path.resolve().parent.name == "matrices":
        return True
    return path.suffix in (".yaml", ".yml") and path.is_file() and "\nscenarios:" in path.read_text(errors="replace")
