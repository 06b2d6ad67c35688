# SPDX-License-Identifier: GPL-2.0-only
"""Where the cells of a run are run, found out before anything is built."""

from collections.abc import Sequence
from dataclasses import dataclass

from testbed.build import Progress, cache_root, proof_image
from testbed.errors import SpecError
from testbed.machine.accel import Accel, Proof, choose
from testbed.run.executor import Executor
from testbed.run.metal import Metal, take_machine
from testbed.run.plan import Cell, Request

__all__ = ["Where", "accelerator", "where_of"]


@dataclass(frozen=True)
class Where:
    """Where cells run: on a physical machine, on the hosts of an executor, or in guests on this host."""

    accel: Accel
    at_once: int | None
    metal: Metal | None = None
    executor: Executor | None = None


def where_of(request: Request, cells: Sequence[Cell], executor: Executor | None, progress: Progress) -> Where:
    """Hold the machine that is asked for, or prove what runs guests; takes seconds.

    Raises SpecError where both a machine and other hosts are asked for, HostError where nothing can run the cells.
    """
    if request.machine:
        if executor is not None:
            raise SpecError(f"--cluster: the cells are for machine {request.machine}, one at a time; leave it out")
        metal = take_machine(request.root, request.machine)
        return Where(metal.accel, 1, metal=metal)
    if executor is not None:
        return Where(executor.accelerator(request, cells), request.jobs, executor=executor)
    return Where(accelerator(request.accel, request.require_kvm, progress), request.jobs)


def accelerator(want: str, require_kvm: bool, progress: Progress, fresh: bool = False) -> Accel:
    """Choose the accelerator by proof, a ``fresh`` one if asked; boots a cached kernel, else Debian's cloud kernel."""
    progress("accelerator", "proof by booting a guest")
    kernel, initramfs = proof_image(progress)
    accel = choose(want, require_kvm, Proof(kernel, initramfs), cache_root(), fresh)
    progress("accelerator", f"{accel.kind} ({accel.reason})")
    return accel
