# SPDX-License-Identifier: GPL-2.0-only
"""One boot of a physical machine: its kernel parameters, and how it gets what it is to boot."""

import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from testbed.errors import HostError, LaunchFailed
from testbed.machine.power import check_command, run_command
from testbed.spec import MachineSpec

__all__ = ["BOOT_FILES", "MetalBoot", "check_boot", "deploy"]

#: What stands in ``boot.copy_to``.
BOOT_FILES = ("kernel", "initramfs", "cmdline", "boot.ipxe")


@dataclass(frozen=True)
class MetalBoot:
    """What to boot, and how much of the machine it may see. ``token`` tells this boot from every other."""

    machine: MachineSpec
    kernel: Path
    initramfs: Path
    memory_bytes: int
    vcpus: int
    levels: int
    folder: Path
    cmdline: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def parameters(self) -> str:
        """The kernel's command line.

        A kernel that panics stays where it is, so that its report is whole. Unlike a guest's it prints its notices,
        its banner among them: one sees that it was a kernel that came up, not just a firmware.
        """
        machine = self.machine
        port = machine.data or machine.console
        return " ".join(
            (
                f"console={machine.console.tty},{machine.console.baud}n8",
                "console_msg_format=syslog",
                "loglevel=6",
                "panic=0",
                "oops=panic",
                "nokaslr",
                f"mem={self.memory_bytes >> 20}M",
                f"nr_cpus={self.vcpus}",
                *(("no5lvl",) if self.levels == 4 else ()),
                f"testbed.port=/dev/{port.tty},{port.baud}",
                f"testbed.boot={self.token}",
                *self.cmdline,
                *machine.boot.cmdline,
            )
        )


def check_boot(machine: MachineSpec) -> None:
    """Raise HostError if what is to be booted can't be brought to where the machine finds it."""
    boot, what = machine.boot, f"machine {machine.name}: boot"
    if boot.copy_to is not None and not os.access(boot.copy_to, os.W_OK | os.X_OK):
        raise HostError(f"{what}.copy_to: {boot.copy_to} is no folder that can be written to; make it one")
    if boot.run:
        check_command(boot.run, machine.folder, f"{what}.run")


def deploy(boot: MetalBoot) -> None:
    """Put kernel, initramfs and command line to where the machine finds them; LaunchFailed where that fails."""
    machine, spec = boot.machine, boot.machine.boot
    if spec.copy_to is not None:
        try:
            _copy(boot, spec.copy_to)
        except OSError as error:
            raise LaunchFailed(f"machine {machine.name}: {error.filename or spec.copy_to}: {error.strerror}") from error
    if spec.run:
        words = {"{kernel}": str(boot.kernel), "{initramfs}": str(boot.initramfs), "{cmdline}": boot.parameters}
        run_command([_filled(word, words) for word in spec.run], machine.folder, f"machine {machine.name}: boot.run")


def _copy(boot: MetalBoot, folder: Path) -> None:
    """Each file appears at once, and what names the others last."""
    sources: tuple[Path | str, ...] = (boot.kernel, boot.initramfs, f"{boot.parameters}\n", _ipxe(boot.parameters))
    for name, source in zip(BOOT_FILES, sources, strict=True):
        draft = folder / f".{name}.{os.getpid()}"
        if isinstance(source, Path):
            shutil.copyfile(source, draft)
        else:
            draft.write_text(source)
        draft.replace(folder / name)


def _ipxe(parameters: str) -> str:
    """Give an iPXE script: names in it are relative to where it came from."""
    return f"#!ipxe\nkernel kernel initrd=initramfs {parameters}\ninitrd initramfs\nboot\n"


def _filled(word: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        word = word.replace(name, value)
    return word
