# SPDX-License-Identifier: GPL-2.0-only
"""The QEMU command line, all of it, in one place.

KVM and TCG differ in ``-accel`` and ``-cpu`` alone, unless instructions are counted. There is no network device.
"""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from testbed.machine.balloon import BALLOON

__all__ = ["CONSOLE", "MOST_SHIFT", "QEMU", "Icount", "Launch", "command_line", "interactive_argv", "qemu_argv"]

QEMU = "qemu-system-x86_64"

# Name, port and file names that other layers and people rely on.
DATA_PORT = "testbed.data"
CONSOLE = "console"
CONSOLE_LOG = "console.log"
# The kernel parameter that makes the agent give a shell on the console.
SHELL = "testbed.shell"
#: The largest shift of ``-icount`` (MAX_ICOUNT_SHIFT in QEMU's softmmu/icount.c).
MOST_SHIFT = 10
# With nothing but instructions in the guest's time, there is no date and no chance either.
SEALED = ("-rtc", "base=2026-01-01,clock=vm", "-seed", "1")


@dataclass(frozen=True)
class Icount:
    """A guest whose clocks count its instructions: one takes 2 to the power of ``shift`` nanoseconds of its time.

    All vCPUs take turns, and switch at instructions that their number decides. While all are idle the host's time
    passes, unless the guest is ``sealed``: then nothing of the host reaches it, and two runs can be alike to the last
    instruction.
    """

    shift: int
    sealed: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for what no QEMU can do."""
        if not 0 <= self.shift <= MOST_SHIFT:
            raise ValueError(f"QEMU takes shifts from 0 to {MOST_SHIFT}, not {self.shift}")

    @property
    def argv(self) -> tuple[str, ...]:
        """QEMU's options for it."""
        counted = ("-icount", f"shift={self.shift},sleep={'off' if self.sealed else 'on'}")
        return (*counted, *SEALED) if self.sealed else counted


@dataclass(frozen=True)
class Launch:
    """What to boot and on what shape of machine.

    ``levels`` is 4 or 5 (page-table levels), ``folder`` keeps the logs, ``sockets`` is a folder with a path short
    enough for ``sun_path`` (108 bytes). ``shared_ram`` puts the guest's RAM into a memory file that others can map.
    ``icount`` makes the guest's clocks count its instructions, which TCG alone can do. ``balloon`` adds a balloon that
    nobody fills: its driver tells QEMU of the guest's memory. ``host_cpus`` is how many of the host's CPUs all vCPUs
    share, where they are not to run anywhere.
    """

    accel: str
    kernel: Path
    initramfs: Path
    memory_bytes: int
    vcpus: int
    levels: int
    folder: Path
    sockets: Path
    cmdline: tuple[str, ...] = ()
    paused: bool = True
    shared_ram: bool = False
    interactive: bool = False
    icount: Icount | None = None
    balloon: bool = False
    host_cpus: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for what no QEMU can do."""
        if self.icount and self.accel != "tcg":
            raise ValueError(f"TCG alone counts instructions, not {self.accel}")

    @property
    def qmp_socket(self) -> Path:
        """Monitor of the orchestrator."""
        return self.sockets / "qmp"

    @property
    def examine_socket(self) -> Path:
        """Monitor of drgn, which wants a connection of its own."""
        return self.sockets / "examine"

    @property
    def console_pipe(self) -> Path:
        """Serial console: a pair of named pipes, ``console.in`` and ``console.out``."""
        return self.sockets / "console"

    @property
    def data_socket(self) -> Path:
        """Data channel to the agent."""
        return self.sockets / "data"


def kernel_command_line(launch: Launch) -> str:
    """Kernel parameters: serial console, every death final and loud, no timer calibration that TCG could fail.

    The console shows facility and level of each message (``<4>[    1.2] ``), which only the kernel sets to below 8.
    """
    return " ".join(
        (
            "console=ttyS0",
            "console_msg_format=syslog",
            "loglevel=5",
            "panic=-1",
            "oops=panic",
            "nokaslr",
            "tsc=reliable",
            "no_timer_check",
            *launch.cmdline,
        )
    )


def qemu_argv(launch: Launch) -> list[str]:
    """Give the argv list for ``launch``."""
    cpu = "host" if launch.accel == "kvm" else "max"
    la57 = "on" if launch.levels == 5 else "off"
    argv = [QEMU, "-name", "testbed", "-no-user-config", "-nodefaults", "-display", "none"]
    # -cpu max under TCG has LA57: without the flag a guest would run with 5 levels
    argv += ["-accel", launch.accel, "-cpu", f"{cpu},la57={la57}"]
    argv += ["-machine", "q35", "-smp", str(launch.vcpus), "-m", f"{launch.memory_bytes >> 20}M"]
    if launch.icount:
        argv += launch.icount.argv
    if launch.shared_ram:
        argv += ["-object", f"memory-backend-memfd,id=ram,size={launch.memory_bytes >> 20}M,share=on"]
        argv += ["-machine", "memory-backend=ram"]
    argv += ["-kernel", str(launch.kernel), "-initrd", str(launch.initramfs)]
    argv += ["-append", kernel_command_line(launch)]
    if launch.interactive:
        argv += ["-chardev", f"stdio,id={CONSOLE},signal=off", "-chardev", "null,id=data"]
    else:
        log = launch.folder / CONSOLE_LOG
        argv += ["-chardev", f"pipe,id={CONSOLE},path={_escaped(launch.console_pipe)},logfile={_escaped(log)}"]
        argv += ["-chardev", _server("data", launch.data_socket)]
        for socket in (launch.qmp_socket, launch.examine_socket):
            argv += ["-qmp", f"unix:{_escaped(socket)},server=on,wait=off"]
    argv += ["-serial", f"chardev:{CONSOLE}"]
    argv += ["-device", "virtio-serial-pci", "-device", f"virtserialport,chardev=data,name={DATA_PORT}"]
    if launch.balloon:
        argv += ["-device", f"virtio-balloon-pci,id={BALLOON}"]
    # drgn finds the kernel through the vmcoreinfo note
    argv += ["-device", "pvpanic-pci", "-device", "vmcoreinfo"]
    # A kernel that panics tells QEMU before it flushes its console: it goes on to its reset, and that stops it with its
    # memory intact.
    argv += ["-action", "panic=none" + ("" if launch.interactive else ",shutdown=pause"), "-no-reboot"]
    if launch.paused:
        argv.append("-S")
    return argv


def interactive_argv(launch: Launch) -> list[str]:
    """Give the argv list that boots the same guest with a shell on the terminal; it needs no folder and no socket."""
    by_hand = replace(launch, paused=False, interactive=True, cmdline=(*launch.cmdline, SHELL))
    return qemu_argv(by_hand)


def command_line(launch: Launch) -> str:
    """Give :func:`interactive_argv` as one line to paste."""
    return shlex.join(interactive_argv(launch))


def _server(name: str, socket: Path) -> str:
    return f"socket,id={name},path={_escaped(socket)},server=on,wait=off"


def _escaped(path: Path) -> str:
    """QEMU option values end at a comma; a doubled one is literal."""
    return str(path).replace(",", ",,")
