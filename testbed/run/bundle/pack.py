# SPDX-License-Identifier: GPL-2.0-only
"""A bundle of a cell: what it ran on, what it left, and how to have it again."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import testbed
from testbed.build import (
    SOURCES,
    GuestImage,
    KernelImage,
    file_of,
    stored_guest,
    stored_kernel,
    stored_patches,
)
from testbed.errors import BuildError, SpecError
from testbed.machine.accel import PROOF_S, Accel
from testbed.machine.qemu import SHELL
from testbed.report.bundle.readme import readme
from testbed.report.bundle.script import Shape, reproduce_script
from testbed.run.artefacts import kernel_facts
from testbed.run.bundle.reread import cell_of
from testbed.run.bundle.signs import bug_of
from testbed.run.bundle.stored import CELL, stored
from testbed.run.drive import order
from testbed.run.handlines import read_hand_lines
from testbed.run.launching import BOOT_S, SILENCE_S, slowdown, watchdogs
from testbed.run.plan import Cell
from testbed.run.reproduce.amplify import stretch
from testbed.spec import BugSpec
from testbed.store.bundle import SUFFIX, Member, write_bundle
from testbed.store.folder import RunFolder

__all__ = ["BUNDLE", "IMAGES", "SCHEMA", "bundle_name", "pack"]

#: What tells a program of the bundle.
BUNDLE = "bundle.json"
SCHEMA = 1
#: The names of the images in a bundle.
IMAGES = {"bzimage": "bzImage", "vmlinux": "vmlinux", "config": "config", "initramfs": "initramfs.cpio.gz"}
LEFT = (
    *("console.log", "samples.jsonl", "output.log", "verdict.json", "evidence.json", "crash.txt", "hang.txt"),
    *("dmesg.txt", "culprit.svg", "vmcore.zst", "qemu.stderr"),
)
# By which an agent is known that takes its command from fw_cfg.
ALONE = b"opt/testbed/run"
_INCLUDE = re.compile(rb'^\s*#\s*include\s+"([\w.-]+)"', re.M)


def bundle_name(cell: str) -> str:
    """Give the name of a cell's bundle, which is its folder's: what a shell need not quote.

    >>> bundle_name("vanilla-6.12/minimal/benign/dontneed-pieces:piece=4KiB#1")
    'vanilla-6.12-minimal-benign-dontneed-pieces-piece-4KiB-1'
    """
    return re.sub(r"[^A-Za-z0-9._+]+", "-", cell).strip("-.")[:100]


def pack(folder: RunFolder, name: str, out: Path | None) -> tuple[Path, int]:
    """Write the bundle of a cell to ``out``, or under its own name here; the file and its size.

    SpecError where the cell has no record, or where something that it ran on is gone.
    """
    cell, record = _cell(folder, name), _record(folder, name)
    bug = cell.bug or bug_of(cell, record)
    kernel, guest = _images(folder, cell)
    members = {
        **_kernel_files(kernel),
        **_guest_files(guest, cell),
        **{each: Member(folder.cell(name) / each) for each in LEFT if (folder.cell(name) / each).is_file()},
        "record.json": Member(_json(record)),
        "run.txt": Member(_order(cell)),
        "reproduce.sh": Member(reproduce_script(_shape(cell, bug, kernel, folder), bug.signs).encode(), True),
    }
    told = {"name": cell.kernel.name, **kernel_facts(kernel)}
    described = {
        "schema": SCHEMA,
        "testbed": testbed.__version__,
        "run": folder.id,
        "made_of": "bug" if cell.bug else "verdict",
        "kernel": told,
        "guest_key": guest.key,
        "accel": record["accel"],
        "argv": _argv(folder.cell(name)),
        "cell": stored(replace(cell, bug=bug)),
    }
    members[BUNDLE] = Member(_json(described))
    members["README.md"] = Member(readme(described["cell"], bug, record, told, members).encode())
    top = bundle_name(name)
    path = out or Path(f"{top}{SUFFIX}")
    try:
        return path, write_bundle(path, top, members)
    except ValueError as problem:
        raise SpecError(f"{name}: can't be packed: {problem}") from None


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _cell(folder: RunFolder, name: str) -> Cell:
    path = folder.cell(name) / CELL
    if not path.is_file():
        raise SpecError(f"{name}: has no {CELL} in {folder.path}: it was not started, or is older; run it again")
    try:
        return cell_of(json.loads(path.read_text(encoding="utf-8")), str(path))
    except ValueError as problem:
        raise SpecError(f"{path}: no JSON ({problem}); run the cell again") from None


def _record(folder: RunFolder, name: str) -> dict[str, Any]:
    for record in folder.records():
        if record["cell"] == name:
            return record
    raise SpecError(f"{name}: has no record in {folder.path}; go on with: ./tb run --resume {folder.path}")


def _images(folder: RunFolder, cell: Cell) -> tuple[KernelImage, GuestImage]:
    """Give the images that the run had; SpecError in a line that says how to have them again."""
    header = folder.header()
    # attempts at bugs have images by place, as two bugs may each have a guest of one name
    place = header.get("images", {}).get(cell.name.rpartition("#")[0], {})
    kernel_key = place.get("kernel") or header["kernels"][cell.kernel.name]["key"]
    guest_key = place.get("guest") or header["guests"][cell.guest.name]["key"]
    if not re.fullmatch(r"[0-9a-f]{64}", kernel_key):
        raise SpecError(f"{cell.name}: it ran on the images of a bundle; hand that one on, it has all of it")
    again = f"reproduce {cell.bug.name} --kernel" if cell.bug else "kernel build"
    kernel = stored_kernel(cell.kernel.name, kernel_key)
    if kernel is None:
        raise SpecError(
            f"{cell.name}: its kernel is gone from the cache ({kernel_key[:16]}…); "
            f"./tb {again} {cell.kernel.name} makes it again from the sources the run had"
        )
    guest = stored_guest(cell.guest.name, guest_key)
    if guest is None:
        again = f"reproduce {cell.bug.name}" if cell.bug else f"guest build {cell.guest.name}"
        raise SpecError(
            f"{cell.name}: its guest image is gone from the cache ({guest_key[:16]}…); "
            f"./tb {again} makes it again from the sources the run had"
        )
    if ALONE not in (file_of(guest.initramfs, "init") or b""):
        raise SpecError(f"{cell.name}: the agent of its guest is older and can't run alone; run the cell again")
    return kernel, guest


def _kernel_files(kernel: KernelImage) -> dict[str, Member]:
    try:
        patches = stored_patches(kernel)
    except BuildError as problem:
        raise SpecError(str(problem)) from None
    files = {
        IMAGES["bzimage"]: Member(kernel.bzimage),
        IMAGES["vmlinux"]: Member(kernel.vmlinux),
        IMAGES["config"]: Member(kernel.config),
        "config.requested": Member(kernel.path / "config.requested"),
        "patches/series": Member("".join(f"{patch.name}\n" for patch in patches).encode()),
        **{f"patches/{patch.name}": Member(patch) for patch in patches},
    }
    if kernel.patchset_hash:
        files["patches/patchset_hash"] = Member(f"{kernel.patchset_hash}\n".encode())
    return files


def _guest_files(guest: GuestImage, cell: Cell) -> dict[str, Member]:
    """The image, the workload and what it was compiled from, the agent's sources."""
    sources, workload = guest.initramfs.with_name(SOURCES), cell.scenario.workload
    files = {IMAGES["initramfs"]: Member(guest.initramfs)}
    program = file_of(guest.initramfs, f"workloads/{workload}")
    if program is not None:
        files[f"workload/{Path(workload).name}"] = Member(program, executable=True)
    own, ours = sources / "own", sources / "workloads"
    first = next((path for path in (own / f"{workload}.c", ours / f"{workload}.c") if path.is_file()), None)
    if first is not None:
        files |= {f"workload/{path.name}": Member(path) for path in _included(first, (first.parent, own, ours))}
    return files | {f"agent/{path.name}": Member(path) for path in sorted((sources / "agent").iterdir())}


def _included(source: Path, folders: tuple[Path, ...]) -> set[Path]:
    """Give a C file and all of ours that it includes."""
    found, left = set(), [source]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            names = [name.decode() for name in _INCLUDE.findall(path.read_bytes())]
            wanted = (next((each / name for each in folders if (each / name).is_file()), None) for name in names)
            left += [each for each in wanted if each is not None]
    return found


def _order(cell: Cell) -> bytes:
    pairs = order(cell.scenario, "bundle", slowdown(Accel("tcg", ""), cell.kernel.name))
    return "".join(f"{key}={value}\n" for key, value in (*pairs, ("sample_ms", "0"), ("unattended", "1"))).encode()


def _shape(cell: Cell, bug: BugSpec, kernel: KernelImage, folder: RunFolder) -> Shape:
    amplify = bug.amplify
    shared = stretch(amplify, cell.guest.vcpus)
    slow = {kind: slowdown(Accel(kind, ""), cell.kernel.name) * shared for kind in ("kvm", "tcg")}
    # an instruction takes longer where they are counted so, and what is done in as many is not stuck
    longer = {"kvm": 1, "tcg": 2 ** max(amplify.icount, default=0)}
    watch = {kind: " ".join(watchdogs(each * longer[kind])) for kind, each in slow.items()}
    timed = {word.partition("=")[0] for word in watch["tcg"].split()}
    append = _after(_argv(folder.cell(cell.name)), "-append")
    return Shape(
        name=cell.name,
        build_id=kernel.build_id,
        levels=cell.guest.levels,
        vcpus=cell.guest.vcpus,
        la57="on" if cell.guest.levels == 5 else "off",
        memory_mib=cell.memory_bytes >> 20,
        append=" ".join(word for word in append.split() if word.partition("=")[0] not in timed),
        watch_kvm=watch["kvm"],
        watch_tcg=watch["tcg"],
        icount=" ".join(map(str, amplify.icount)),
        host_cpus=f"0-{amplify.host_cpus - 1}" if amplify.host_cpus else "",
        proof_s=round(PROOF_S["kvm"] * slow["kvm"]),
        boot_kvm_s=round(BOOT_S * slow["kvm"]),
        boot_tcg_s=round(BOOT_S * slow["tcg"]),
        silence_kvm_s=round(SILENCE_S * slow["kvm"]),
        silence_tcg_s=round(SILENCE_S * slow["tcg"]),
        deadline_kvm_s=round(cell.scenario.deadline_s * slow["kvm"]),
        deadline_tcg_s=round(cell.scenario.deadline_s * slow["tcg"]),
    )


def _argv(cell: Path) -> list[str]:
    """Give QEMU's argv as it was, with no path of that host: images by their names in the bundle."""
    path = cell / "qemu.argv"
    # a physical machine had none; how a guest here would be booted is told of it too
    argv = shlex.split(path.read_text(encoding="utf-8")) if path.is_file() else _by_hand(cell)
    named: Mapping[str, str] = {"-kernel": IMAGES["bzimage"], "-initrd": IMAGES["initramfs"]}
    return list(_pathless(argv, named))


def _by_hand(cell: Path) -> list[str]:
    return [word.removesuffix(f" {SHELL}") for word in read_hand_lines(cell / "by-hand.txt").argv]


def _pathless(argv: list[str], named: Mapping[str, str]) -> Iterator[str]:
    for before, word in zip(["", *argv], argv, strict=False):
        yield named.get(before) or re.sub(r"((?:^|=|unix:|, )\s*)/(?:[^,]|,,)*/(?=[^/,]+)", r"\1", word)


def _after(argv: list[str], option: str) -> str:
    return argv[argv.index(option) + 1] if option in argv[:-1] else ""
