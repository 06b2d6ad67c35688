# SPDX-License-Identifier: GPL-2.0-only
"""The accelerator, chosen by proof: a real kernel is booted to a token under a deadline.

A device node proves nothing: there are hosts whose /dev/kvm opens and creates a VM, and on which no Linux guest ever
reaches user space, while QEMU's monitor says ``running`` throughout.
"""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from testbed.errors import HostError
from testbed.machine.console import make_pipes
from testbed.machine.deadline import Deadline
from testbed.machine.process import QemuProcess
from testbed.machine.qemu import CONSOLE_LOG, QEMU, Launch, qemu_argv
from testbed.machine.sockets import socket_folder

__all__ = ["Accel", "Proof", "choose", "qemu_version"]

KVM_DEVICE = Path("/dev/kvm")
# A guest that works boots in about 1 s under KVM and 2 to 3 s under TCG on two slow cores.
PROOF_S = {"kvm": 5.0, "tcg": 20.0}
PROOF_MEMORY = 256 << 20


@dataclass(frozen=True)
class Accel:
    """The accelerator of a run (``kvm`` or ``tcg``) and why it is that one."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Proof:
    """What a proof boots: a kernel, and an initramfs whose init answers the ``testbed.proof`` parameter."""

    kernel: Path
    initramfs: Path


def choose(want: str, require_kvm: bool, proof: Proof, cache: Path, fresh: bool = False) -> Accel:
    """Choose for this host: kvm if it is proved to run a guest, else tcg.

    ``want`` is ``auto``, ``kvm`` or ``tcg``. Answers are kept in ``cache`` per host boot, QEMU version and device;
    ``fresh`` proves anew, for a host that was only busy when it failed.
    Raises HostError when what was asked for (``--accel kvm``, ``--require-kvm``) cannot run a guest here.
    """
    if require_kvm and want == "tcg":
        raise HostError("--require-kvm and --accel tcg contradict each other; drop one of them")
    refusal = "kvm: not asked for (--accel tcg)"
    if want != "tcg":
        works, said = _remembered("kvm", proof, cache, fresh)
        if works:
            return Accel("kvm", said)
        if want == "kvm" or require_kvm:
            raise HostError(f"{said}; run on a host with working KVM, or without --require-kvm and --accel kvm")
        refusal = said
    works, said = _remembered("tcg", proof, cache, fresh)
    if not works:
        raise HostError(f"{refusal}; {said}; see ./tb doctor")
    return Accel("tcg", f"{refusal}; {said}")


def qemu_version() -> str:
    """Give the first line of ``qemu-system-x86_64 --version``; HostError where QEMU is not installed."""
    if shutil.which(QEMU) is None:
        raise HostError(f"{QEMU} is not installed; apt-get install qemu-system-x86")
    done = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def _remembered(kind: str, proof: Proof, cache: Path, fresh: bool) -> tuple[bool, str]:
    if kind == "kvm" and not KVM_DEVICE.exists():
        return False, f"kvm: {KVM_DEVICE} is not there"
    if kind == "kvm" and not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return False, f"kvm: no permission to open {KVM_DEVICE} (join the group kvm)"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    device = KVM_DEVICE.stat().st_ctime_ns if kind == "kvm" else 0
    key = hashlib.sha256(f"{kind} {boot} {qemu_version()} {device} {PROOF_S[kind]}".encode()).hexdigest()[:24]
    kept = cache / "accel" / f"{key}.json"
    if kept.is_file() and not fresh:
        answer = json.loads(kept.read_text())
        return bool(answer["works"]), str(answer["said"])
    works, said = _prove(kind, proof)
    if not works and kind == "tcg":
        return works, said  # QEMU itself cannot fail for good: the host was busy
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"works": works, "said": said, "proof": asdict(proof)}, default=str))
    draft.replace(kept)
    return works, said


def _prove(kind: str, proof: Proof) -> tuple[bool, str]:
    """Boot the proof kernel; whether its init answered, and what to tell a person."""
    number = secrets.randbelow(1_000_000)
    # init multiplies, so the kernel's echo of its command line is no answer
    token = f"TB-PROOF {number * 7 + 1}"
    began = time.monotonic()
    deadline = Deadline.after(PROOF_S[kind])
    with socket_folder() as folder:
        launch = Launch(
            accel=kind,
            kernel=proof.kernel,
            initramfs=proof.initramfs,
            memory_bytes=PROOF_MEMORY,
            vcpus=1,
            levels=4,
            folder=folder,
            sockets=folder,
            cmdline=(f"testbed.proof={number}",),
            paused=False,
        )
        make_pipes(launch.console_pipe)
        process = QemuProcess(qemu_argv(launch), folder / "stderr")
        console = folder / CONSOLE_LOG
        try:
            while not deadline.passed:
                if console.is_file() and token in console.read_text(errors="replace"):
                    return True, f"{kind}: a guest kernel booted in {time.monotonic() - began:.1f} s"
                if process.exit_code is not None:
                    break
                time.sleep(0.02)
            spoke = console.is_file() and console.stat().st_size > 0
            return False, _failure(kind, process, spoke)
        finally:
            process.kill()


def _failure(kind: str, process: QemuProcess, spoke: bool) -> str:
    said = next(iter(process.stderr().splitlines()), "")
    if process.exit_code is not None:
        what = f"QEMU ended with {process.exit_code}"
    else:
        what = f"guest kernel {'did not reach user space' if spoke else 'silent'} for {PROOF_S[kind]:g} s"
    tail = f"; {KVM_DEVICE} opens but runs no guest" if kind == "kvm" else ""
    return f"{kind}: {what}{f' ({said})' if said else ''}{tail}"
