# SPDX-License-Identifier: GPL-2.0-only
"""The kernels and guests of a run, and whether those of now are still those that a run began with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.build import (
    GuestImage,
    KernelImage,
    Progress,
    build_guest,
    build_kernel,
    guest_path,
    kernel_patchset_hash,
    kernel_path,
)
from testbed.errors import SourceUnavailable, SpecError
from testbed.run.plan import Cell
from testbed.store.folder import RunFolder

__all__ = ["Artefacts", "build_artefacts", "check_images", "check_sources", "kernel_facts"]

# One run is one set of artefacts: cells of another would stand in the same table as if they were alike.
WAY_OUT = "put it back, or start a new run"


@dataclass(frozen=True)
class Artefacts:
    """Images by the names that cells call them; ``unavailable`` says why there is no image of a kernel."""

    kernels: Mapping[str, KernelImage]
    guests: Mapping[str, GuestImage]
    unavailable: Mapping[str, str] = field(default_factory=dict)


def build_artefacts(root: Path, cells: Sequence[Cell], progress: Progress) -> Artefacts:
    """Build each kernel and each guest of ``cells`` once, guests first, as they take seconds.

    A kernel whose source can't be had is left out and the reason kept. Raises SourceUnavailable if no other is left.
    """
    guests = {cell.guest.name: cell.guest for cell in cells}
    kernels = {cell.kernel.name: cell.kernel for cell in cells}
    guest_images = {name: build_guest(root, spec, progress) for name, spec in guests.items()}
    kernel_images, unavailable = {}, {}
    for name, spec in kernels.items():
        try:
            kernel_images[name] = build_kernel(root, spec, progress)
        except SourceUnavailable as error:
            unavailable[name] = error
    if unavailable and not kernel_images:
        raise next(iter(unavailable.values()))
    return Artefacts(kernel_images, guest_images, {name: str(error) for name, error in unavailable.items()})


def kernel_facts(image: KernelImage) -> dict[str, Any]:
    """Give what tells a kernel from another; ``key`` covers source, patches, options and compiler."""
    return {
        "key": image.path.name,
        "release": image.release,
        "source_version": image.source_version,
        "patchset_hash": image.patchset_hash,
        "config_hash": image.config_hash,
        "build_id": image.build_id,
        "compiler": image.compiler,
    }


def check_sources(root: Path, folder: RunFolder, cells: Sequence[Cell], progress: Progress) -> None:
    """Raise SpecError if a kernel or guest would be built from something else than the run's; builds nothing."""
    header = folder.header()
    for cell in cells:
        kept = header["kernels"][cell.kernel.name]
        if kernel_path(root, cell.kernel, progress).parent.name != kept["key"]:
            patches = kernel_patchset_hash(root, cell.kernel) != kept["patchset_hash"]
            what = "its patches" if patches else "its config, source or compiler"
            raise SpecError(f"{folder.path}: kernel {cell.kernel.name} is another now: {what} changed; {WAY_OUT}")
        if guest_path(root, cell.guest, progress).parent.name != header["guests"][cell.guest.name]["key"]:
            what = "its agent, workloads, packages or compiler"
            raise SpecError(f"{folder.path}: guest {cell.guest.name} is another now: {what} changed; {WAY_OUT}")


def check_images(folder: RunFolder, artefacts: Artefacts) -> None:
    """Raise SpecError if a kernel that was built anew did not come out as the run's."""
    kept = folder.header()["kernels"]
    for name, image in artefacts.kernels.items():
        for fact in ("patchset_hash", "config_hash"):
            now = kernel_facts(image)[fact]
            if now != kept[name][fact]:
                raise SpecError(
                    f"{folder.path}: kernel {name} is another now: {fact} {now}, not {kept[name][fact]}; {WAY_OUT}"
                )
