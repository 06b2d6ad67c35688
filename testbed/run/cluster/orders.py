# SPDX-License-Identifier: GPL-2.0-only
"""A run's jobs as a worker gets them, and its artefacts by content."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.run.cell import Job
from testbed.run.cluster.remote import own_source
from testbed.run.cluster.wire import Artefact, Order, guest_artefact, kernel_artefact
from testbed.run.plan import Request

__all__ = ["orders"]


def orders(jobs: Sequence[Job], request: Request) -> tuple[dict[str, Order], Mapping[str, tuple[Artefact, Path]]]:
    """Give an order for each cell by name, and each artefact by digest with the folder that it lies in."""
    kernels = {job.kernel.path: job.kernel for job in jobs}
    guests = {job.guest.initramfs: job.guest for job in jobs}
    of_kernel = {path: kernel_artefact(image) for path, image in kernels.items()}
    of_guest = {path: guest_artefact(image) for path, image in guests.items()}
    artefacts = {artefact.digest: (artefact, path) for path, artefact in of_kernel.items()}
    artefacts |= {artefact.digest: (artefact, path.parent) for path, artefact in of_guest.items()}
    made = {
        job.cell.name: Order(
            job=job,
            kernel=of_kernel[job.kernel.path],
            guest=of_guest[job.guest.initramfs],
            accel=request.accel,
            require_kvm=request.require_kvm,
            source=own_source(),
        )
        for job in jobs
    }
    return made, artefacts
