# SPDX-License-Identifier: GPL-2.0-only
"""Specs become artefacts: kernel source, patch series, kernels and guest images, in a cache keyed by content."""

from testbed.build.cache import cache_root, work_folder
from testbed.build.checkout import Exported, checkout_kernel, export_series
from testbed.build.cpio import file_of
from testbed.build.guest import SOURCES, GuestImage, build_guest, guest_path, stored_guest
from testbed.build.kernel import (
    KernelImage,
    build_kernel,
    kernel_patchset_hash,
    kernel_path,
    stored_kernel,
    stored_patches,
    vmlinux_by_build_id,
)
from testbed.build.progress import Progress, silent
from testbed.build.proof import proof_image
from testbed.build.releases import newest_release, release_of
from testbed.build.series import patchset_hash
from testbed.build.verify import Check, VerifyReport, verify_kernel

__all__ = [
    "SOURCES",
    "Check",
    "Exported",
    "GuestImage",
    "KernelImage",
    "Progress",
    "VerifyReport",
    "build_guest",
    "build_kernel",
    "cache_root",
    "checkout_kernel",
    "export_series",
    "file_of",
    "guest_path",
    "kernel_patchset_hash",
    "kernel_path",
    "newest_release",
    "patchset_hash",
    "proof_image",
    "release_of",
    "silent",
    "stored_guest",
    "stored_kernel",
    "stored_patches",
    "verify_kernel",
    "vmlinux_by_build_id",
    "work_folder",
]
