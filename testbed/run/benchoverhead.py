# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel's operations on page tables cost, in instructions that QEMU counts, kernels side by side.

Each kernel is booted twice and the boots are held against each other: what chance adds shows there.
"""

import hashlib
import os
import secrets
import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from testbed.build import GuestImage, KernelImage, Progress, build_guest, build_kernel
from testbed.errors import GuestHung, MeasureError, SpecError
from testbed.judge.budget import BUDGETS, within_budget
from testbed.judge.evidence import Evidence
from testbed.judge.verdict import judge
from testbed.machine.accel import Accel, qemu_version
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.machine.qemu import Icount, Launch, interactive_argv
from testbed.machine.sockets import socket_folder
from testbed.measure.overhead import OPERATIONS, Batch, Cost, cost, read_batches
from testbed.run.artefacts import kernel_facts
from testbed.run.guard import Guard
from testbed.run.launching import BOOT_S, SILENCE_S, guest_launch, slowdown
from testbed.spec import GuestSpec, KernelSpec

__all__ = ["BOOTS", "REPEATS", "bench_overhead", "missed"]

BOOTS, REPEATS = 2, 3
WORKLOAD = "overhead"
SERIES = "ptreclaim"
ACCEL = Accel("tcg", "instructions are counted by QEMU's -icount, which KVM has not; not used even where it works")
# Neither a mitigation nor a random address changes what is to be compared; both change what it costs. Nor does the
# worker that trims the lists of free pages each second: a batch that it falls into pays for up to 2,000 pages.
CMDLINE = ("mitigations=off", "norandmaps", "sysctl.vm.stat_interval=86400")
# All operations of a boot, on KVM; a boot here takes a minute and a half on a busy core under TCG.
BOOT_OPERATIONS_S = 120.0
# What QEMU takes beside the guest's RAM.
QEMU_MEMORY = 256 << 20
USABLE_MEMORY = 0.8


@dataclass(frozen=True)
class _Boot:
    """One guest to boot: ``operations`` are measured in ``repeats`` batches each."""

    kernel: KernelImage
    guest: GuestSpec
    image: GuestImage
    operations: tuple[str, ...]
    repeats: int

    @property
    def workload(self) -> tuple[str, ...]:
        ops = (f"--op={name}" for name in self.operations)
        return (f"/workloads/{WORKLOAD}", f"--repeats={self.repeats}", *ops)

    def launch(self, folder: Path) -> Launch:
        slow = slowdown(ACCEL, self.kernel.name)
        launch = guest_launch(self.guest, ACCEL, self.kernel.bzimage, self.image.initramfs, folder, folder, slow)
        return replace(launch, icount=Icount(0, sealed=True), cmdline=(*launch.cmdline, *CMDLINE))


def bench_overhead(
    root: Path,
    kernels: Sequence[KernelSpec],
    guest: GuestSpec,
    progress: Progress,
    operations: Sequence[str] = OPERATIONS,
    repeats: int = REPEATS,
) -> list[dict[str, Any]]:
    """Measure and give a record for each kernel and operation; the first kernel is what the others are held against.

    Raises SpecError for an unknown operation, MachineError where a guest dies, MeasureError where its clock does not
    count instructions or a number is missing.
    """
    unknown = [name for name in operations if name not in OPERATIONS]
    if unknown:
        raise SpecError(f"{unknown[0]!r} is no operation; known: {', '.join(OPERATIONS)}")
    if guest.vcpus != 1:
        raise SpecError(f"guest {guest.name} has {guest.vcpus} vCPUs; instructions are counted in a guest with one")
    image = build_guest(root, guest, progress)
    images = [build_kernel(root, spec, progress) for spec in kernels]
    wanted = tuple(name for name in OPERATIONS if name in operations)
    boots = [_Boot(kernel, guest, image, wanted, repeats) for kernel in images for _ in range(BOOTS)]
    told = _boot_all(boots, progress)
    costs = [
        [cost(name, told[BOOTS * number : BOOTS * (number + 1)]) for name in wanted] for number in range(len(images))
    ]
    return [
        _record(spec, boots[BOOTS * number], each, None if number == 0 else costs[0][place])
        for number, spec in enumerate(kernels)
        for place, each in enumerate(costs[number])
    ]


def missed(records: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a kernel of ours is over a budget."""
    return any(record["within"] is False for record in records)


def _boot_all(boots: Sequence[_Boot], progress: Progress) -> list[dict[str, tuple[Batch, ...]]]:
    """Boot as many at once as the host carries: a guest whose clock counts instructions does not feel the others."""
    memory = max(boot.guest.memory_bytes for boot in boots) + QEMU_MEMORY
    by_memory = int(psutil.virtual_memory().available * USABLE_MEMORY / memory)
    at_once = max(1, min(len(os.sched_getaffinity(0)), by_memory, len(boots)))
    cancelled = threading.Event()
    batches = sum(len(boot.operations) * boot.repeats for boot in boots)
    measured: list[str] = []

    def tell() -> None:
        progress("bench overhead", f"{len(measured)} of {batches} batches measured in {len(boots)} boots")

    tell()
    with ThreadPoolExecutor(at_once, thread_name_prefix="boot") as pool:
        futures: list[Future[dict[str, tuple[Batch, ...]]]] = [
            pool.submit(_measure, boot, cancelled, measured.append) for boot in boots
        ]
        pending = set(futures)
        try:
            while pending:
                # a bounded wait, so that ^C is seen at once
                over, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in over:
                    future.result()
                tell()
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _measure(boot: _Boot, cancelled: threading.Event, measured: Callable[[str], None]) -> dict[str, tuple[Batch, ...]]:
    """Give the batches of one boot; ``measured`` gets the operation of each as it is told."""
    nonce, guard = secrets.token_hex(8), Guard()
    slow = slowdown(ACCEL, boot.kernel.name)
    with socket_folder() as folder, Machine(boot.launch(folder), guard, cancelled) as machine:
        hello = machine.start(Deadline.after(BOOT_S, slow))
        if hello["release"] != boot.kernel.release or hello["levels"] != boot.guest.levels:
            raise MeasureError(
                f"{boot.kernel.name}: the guest runs {hello['release']} with {hello['levels']} levels,"
                f" not {boot.kernel.release} with {boot.guest.levels}"
            )
        program, *arguments = boot.workload
        machine.send(
            ("cmd", "run"),
            ("name", WORKLOAD),
            ("exec", program),
            *(("arg", argument) for argument in arguments),
            ("nonce", nonce),
        )
        values, words, done = _listen(machine, slow, measured)
        evidence = Evidence(
            nonce, machine.console_text, (), exit=done, words=words, refuted=guard.refuted, tainted=hello["tainted"]
        )
    verdict = judge(evidence, (), None)
    if verdict.kind != "done":
        raise MeasureError(f"{boot.kernel.name}: {verdict.kind}: {verdict.reason}")
    return read_batches(values)


def _listen(
    machine: Machine, slow: float, measured: Callable[[str], None]
) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    """Give the workload's values in the order in which they came, its last words, and the agent's exit message."""
    values: list[tuple[str, int]] = []
    words = ""
    whole = Deadline.after(BOOT_OPERATIONS_S, slow)
    while True:
        message = machine.receive(min(Deadline.after(SILENCE_S, slow), whole, key=lambda deadline: deadline.at))
        match message["type"]:
            case "value":
                values.append((message["key"], int(message["value"])))
                if message["key"].endswith("/ops"):
                    measured(message["key"])
            case "output":
                words = message["text"]
            case "exit":
                return values, words, message
            case "error":
                raise MeasureError(f"the guest's agent: {message['what']}")
        if whole.passed:
            raise GuestHung(f"the operations were not done in {whole.allowed_s:.0f} s; {len(values)} values were told")


def _record(spec: KernelSpec, boot: _Boot, found: Cost, first: Cost | None) -> dict[str, Any]:
    """Give the JSON object of one kernel and operation; ``by_hand`` boots the guest again, with a shell in it."""
    ratio = None if first is None else found.instructions / first.instructions
    budget = BUDGETS.get(found.operation) if spec.series == SERIES and ratio is not None else None
    argv = interactive_argv(boot.launch(Path("/")))
    return {
        "schema": 1,
        "bench": "overhead",
        "kernel": {"name": spec.name, **kernel_facts(boot.kernel)},
        "guest": {
            "name": boot.guest.name,
            "key": boot.image.key,
            "vcpus": boot.guest.vcpus,
            "memory_mib": boot.guest.memory_bytes >> 20,
            "levels": boot.guest.levels,
        },
        "accel": asdict(ACCEL),
        **asdict(found),
        "ratio": ratio,
        "budget": budget,
        "within": None if budget is None or ratio is None else within_budget(found.operation, ratio),
        "qemu": qemu_version(),
        "workload": shlex.join(boot.workload),
        "by_hand": shlex.join(argv),
        "argv_sha256": hashlib.sha256("\0".join(argv).encode()).hexdigest(),
    }
