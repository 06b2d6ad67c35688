# SPDX-License-Identifier: GPL-2.0-only
"""Physical machines of ``machines/*.yaml``: their serial lines, how they boot what we built, and their power switch."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from testbed.errors import SpecError
from testbed.spec.document import Document, read_document
from testbed.spec.filemodel import FileModel, OneOrMore, validate
from testbed.spec.tree import Tree, check_name
from testbed.spec.units import parse_duration, parse_memory

__all__ = ["BOOT_WORDS", "BootSpec", "LabgridPower", "MachineSpec", "PowerSpec", "SerialSpec", "load_machine"]

#: What an argument of ``boot.run`` may hold.
BOOT_WORDS = ("{kernel}", "{initramfs}", "{cmdline}")
_TTY = re.compile(r"tty[A-Za-z]+[0-9]+")
_TCP = re.compile(r"[A-Za-z0-9._-]+:[0-9]{1,5}|\[[0-9A-Fa-f:]+\]:[0-9]{1,5}")
_WORD = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class SerialSpec:
    """A serial line: ``line`` is our end, a device or HOST:PORT of a raw TCP console server; ``tty`` is the other."""

    line: str
    tty: str
    baud: int


@dataclass(frozen=True)
class LabgridPower:
    """The power driver of a target in a labgrid environment file."""

    environment: Path
    target: str


@dataclass(frozen=True)
class PowerSpec:
    """``on`` and ``off``, or ``cycle`` alone (argv lists), or labgrid's; ``off_s`` is how long it stays off."""

    on: tuple[str, ...]
    off: tuple[str, ...]
    cycle: tuple[str, ...]
    labgrid: LabgridPower | None
    off_s: float


@dataclass(frozen=True)
class BootSpec:
    """Where kernel, initramfs and command line are put, or the argv that takes them; either or both.

    ``deadline_s`` is from power on to the agent's hello, firmware included; ``cmdline`` are more kernel parameters.
    """

    copy_to: Path | None
    run: tuple[str, ...]
    deadline_s: float
    cmdline: tuple[str, ...]


@dataclass(frozen=True)
class MachineSpec:
    """One machine; without ``data`` the agent's frames share the console's line. Commands run in ``folder``.

    ``slow`` is how much longer than on a guest under KVM things may take.
    """

    name: str
    console: SerialSpec
    data: SerialSpec | None
    boot: BootSpec
    power: PowerSpec
    memory_bytes: int
    cpus: int
    slow: float
    folder: Path
    where: str


def load_machine(root: Path, name: str) -> MachineSpec:
    """Return one machine, by its name below ``machines/`` or by its file (a name that ends in ``.yaml``)."""
    path = Path(name) if Path(name).suffix in (".yaml", ".yml") else Tree(root).machine_file(name)
    document = read_document(root, path)
    file = validate(document, _MachineFile)
    _check_name(document, path.stem)
    folder = path.resolve().parent
    return MachineSpec(
        name=path.stem,
        console=file.console.spec(),
        data=file.data.spec() if file.data else None,
        boot=_boot(document, file.boot, folder),
        power=_power(document, file.power, folder),
        memory_bytes=file.memory,
        cpus=file.cpus,
        slow=float(file.slow),
        folder=folder,
        where=document.where(),
    )


def _check_name(document: Document, name: str) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise SpecError(f"{document.path}:1: {error}") from None


def _check_line(text: str) -> str:
    if not text.startswith("/") and not _TCP.fullmatch(text):
        raise ValueError(
            f"{text!r} is no serial line; write a device like /dev/ttyUSB0, or HOST:PORT of a console server"
        )
    return text


def _check_tty(text: str) -> str:
    if not _TTY.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a line in the machine's own kernel; names are like ttyS0")
    return text


def _check_argument(text: str) -> str:
    wrong = [word for word in _WORD.findall(text) if word not in BOOT_WORDS]
    if wrong:
        raise ValueError(f"{wrong[0]} means nothing here; write {', '.join(BOOT_WORDS)}")
    return text


def _check_parameter(text: str) -> str:
    if not text or any(char.isspace() for char in text):
        raise ValueError(f"{text!r} is no kernel parameter; write one an item, like [iommu=off, nosmt]")
    return text


class _Serial(FileModel):
    line: Annotated[str, AfterValidator(_check_line)] = Field(description="a device like /dev/ttyUSB0, or HOST:PORT")
    tty: Annotated[str, AfterValidator(_check_tty)] = Field(description="its name in the machine's kernel, like ttyS0")
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600] = 115200

    def spec(self) -> SerialSpec:
        return SerialSpec(self.line, self.tty, self.baud)


class _Boot(FileModel):
    copy_to: str | None = None
    run: OneOrMore[Annotated[str, AfterValidator(_check_argument)]] | None = None
    deadline: Annotated[float, BeforeValidator(parse_duration)] = 180.0
    cmdline: list[Annotated[str, AfterValidator(_check_parameter)]] = Field(default_factory=list)


class _Labgrid(FileModel):
    environment: str = Field(description="labgrid's environment file")
    target: str = "main"


class _Power(FileModel):
    on: OneOrMore[str] | None = None
    off: OneOrMore[str] | None = None
    cycle: OneOrMore[str] | None = None
    labgrid: _Labgrid | None = None
    off_for: Annotated[float, BeforeValidator(parse_duration)] = 3.0


class _MachineFile(FileModel):
    console: _Serial = Field(description="the machine's serial console, as {line: /dev/ttyUSB0, tty: ttyS0}")
    data: _Serial | None = None
    boot: _Boot = Field(description="how it boots what we built, like {copy_to: /srv/tftp/lab7}")
    power: _Power = Field(description="its switch, like {on: [pdu, on, '4'], off: [pdu, off, '4']}")
    memory: Annotated[int, BeforeValidator(parse_memory)] = Field(description="how much RAM it has, like 16GiB")
    cpus: Annotated[int, Field(ge=1, le=4096)]
    slow: Annotated[float, Field(ge=1, le=100, strict=False)] = 1.0


def _boot(document: Document, boot: _Boot, folder: Path) -> BootSpec:
    if boot.copy_to is None and boot.run is None:
        raise document.error("boot: needs copy_to (a folder) or run (a command), or nothing of ours is booted", "boot")
    copy_to = folder / boot.copy_to if boot.copy_to is not None else None
    return BootSpec(copy_to, tuple(boot.run or ()), boot.deadline, tuple(boot.cmdline))


def _power(document: Document, power: _Power, folder: Path) -> PowerSpec:
    ways = [bool(power.on or power.off), power.cycle is not None, power.labgrid is not None]
    if sum(ways) != 1 or bool(power.on) != bool(power.off):
        raise document.error("power: is either on and off, or cycle, or labgrid", "power")
    labgrid = LabgridPower(folder / power.labgrid.environment, power.labgrid.target) if power.labgrid else None
    commands = (tuple(power.on or ()), tuple(power.off or ()), tuple(power.cycle or ()))
    return PowerSpec(*commands, labgrid, power.off_for)
