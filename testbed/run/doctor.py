# SPDX-License-Identifier: GPL-2.0-only
"""What this host can do for the main job, each point tried rather than assumed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from testbed.build import Progress, cache_root
from testbed.errors import HostError, TestbedError
from testbed.machine.accel import Accel, qemu_version
from testbed.run.where import accelerator

__all__ = ["Diagnosis", "Finding", "examine"]

# Measured: one unpacked source, one build tree, two kernels with debug information, ccache.
DISK_NEEDED = 12 << 30
# One guest of 1 GiB, its QEMU, drgn, and a compiler beside it.
MEMORY_NEEDED = 3 << 30


@dataclass(frozen=True)
class Finding:
    """One point: what was looked at, whether it will do, what was found, the line that mends it."""

    name: str
    ok: bool
    found: str
    mend: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """All findings, and the accelerator where one could be proved."""

    findings: tuple[Finding, ...]
    accel: Accel | None

    @property
    def ok(self) -> bool:
        """Whether the main job can run here."""
        return all(finding.ok for finding in self.findings)

    def record(self) -> dict[str, Any]:
        """Give the JSON object of ``doctor --json``."""
        return {
            "ok": self.ok,
            "accel": asdict(self.accel) if self.accel else None,
            "findings": [asdict(finding) for finding in self.findings],
        }


def examine(root: Path, progress: Progress) -> Diagnosis:
    """Look at everything; a lack is a finding, never an exception."""
    findings = [_packages(root), _qemu(), _cpus(), *_room()]
    accel = None
    if all(finding.ok for finding in findings[:2]):
        try:
            accel = accelerator("auto", False, progress, fresh=True)
            findings.append(Finding("accelerator", True, f"{accel.kind} ({accel.reason})"))
        except TestbedError as error:
            findings.append(Finding("accelerator", False, str(error), "a guest must boot by TCG at least"))
    else:
        findings.append(Finding("accelerator", False, "not tried: QEMU or packages are missing", "mend those first"))
    return Diagnosis(tuple(findings), accel)


def _packages(root: Path) -> Finding:
    lines = (line.partition("#")[0].strip() for line in (root / "packages.txt").read_text().splitlines())
    names = [line for line in lines if line]
    if shutil.which("dpkg-query") is None:
        return Finding("packages", True, "no dpkg here; tools are looked for when they are needed")
    argv = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n", *names]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    installed = {line.split()[1] for line in said.splitlines() if line.startswith("installed ")}
    # this very program runs in an environment made by venv, whichever Python brought it
    missing = [name for name in names if name not in installed and name != "python3-venv"]
    if missing:
        mend = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
        return Finding("packages", False, f"missing: {', '.join(missing)}", mend)
    return Finding("packages", True, f"{len(names)} host packages are there")


def _qemu() -> Finding:
    try:
        return Finding("qemu", True, qemu_version())
    except HostError as error:
        return Finding("qemu", False, "not installed", str(error).rpartition("; ")[2])


def _cpus() -> Finding:
    return Finding("cpus", True, f"{len(os.sched_getaffinity(0))} usable")


def _room() -> Iterator[Finding]:
    memory = psutil.virtual_memory().available
    ok = memory >= MEMORY_NEEDED
    mend = None if ok else f"free memory: {MEMORY_NEEDED >> 30} GiB are needed"
    yield Finding("memory", ok, f"{memory >> 20} MiB available", mend)
    place = cache_root()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    ok = free >= DISK_NEEDED or (cache_root() / "kernel").is_dir()
    mend = None if ok else f"free {DISK_NEEDED >> 30} GiB there, or set TESTBED_CACHE to a larger disk"
    yield Finding("disk", ok, f"{free >> 30} GiB free for {cache_root()}", mend)
