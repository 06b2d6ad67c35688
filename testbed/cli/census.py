# SPDX-License-Identifier: GPL-2.0-only
"""``tb census``."""

import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from testbed.cli.output import emit, rows, say
from testbed.errors import SpecError
from testbed.report.census import CENSUS_HEADERS, census_rows, census_summary, census_table
from testbed.run.census import census_of_dump, census_of_qemu, is_socket, viewed
from testbed.run.storedcensus import stored_census
from testbed.spec import parse_duration
from testbed.store.folder import RunFolder

__all__ = ["census"]

# A terminal shows as many processes as a person reads at a glance, while it watches.
WATCHED = 8


def census(
    source: Annotated[str, typer.Argument(metavar="SOCKET|RUN|VMCORE", help="A QMP socket, a dump, or a run.")],
    cell: Annotated[str | None, typer.Argument(metavar="[CELL]", help="A cell of RUN, or a part of its name.")] = None,
    vmlinux: Annotated[
        Path | None, typer.Option(help="The guest's kernel with DWARF; default: found in the cache.")
    ] = None,
    watch: Annotated[str | None, typer.Option(metavar="T", help="Count anew every T (1s, 500ms) until Ctrl-C.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One line of JSON per census.")] = False,
) -> None:
    """Count the page tables of a guest from outside, alive or dead: who holds them, and who needs them."""
    path = Path(source)
    if vmlinux is not None and not vmlinux.is_file():
        raise SpecError(f"--vmlinux {vmlinux}: no such file; it is the kernel that runs there, with DWARF")
    if is_socket(path) and cell is None:
        if watch is None:
            _show(_view(path, vmlinux), json_)
        else:
            _watch(path, vmlinux, _duration(watch), json_)
        return
    if watch is not None:
        raise SpecError(f"--watch {watch}: only a running guest can be watched, and {source} is no QMP socket")
    if path.is_file() and cell is None:
        _show(asdict(viewed(census_of_dump(path, vmlinux))), json_)
        return
    for view in stored_census(RunFolder.find(source, Path("runs")), cell):
        if not json_:
            say(f"{view['cell']}, {view['phase']}:")
        _show(view, json_)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise SpecError(f"--watch: {error}") from None


def _view(path: Path, vmlinux: Path | None) -> dict[str, Any]:
    return asdict(viewed(census_of_qemu(path, vmlinux)))


def _show(view: dict[str, Any], to_program: bool) -> None:
    if to_program:
        emit(view)
        return
    if sys.stdout.isatty():
        Console().print(census_table(view["processes"]))
    else:
        rows(CENSUS_HEADERS, census_rows(view["processes"]))
    for line in census_summary(view):
        say(line)


def _watch(path: Path, vmlinux: Path | None, every_s: float, to_program: bool) -> None:
    """Count again and again; Ctrl-C lets the census under way end, so that the guest is left running."""
    over = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: over.set())
    if to_program or not sys.stdout.isatty():
        while not over.is_set():
            _show(_view(path, vmlinux), to_program)
            over.wait(every_s)
        return
    with Live(console=Console(), auto_refresh=False, screen=False) as live:
        while not over.is_set():
            live.update(_drawn(_view(path, vmlinux)), refresh=True)
            over.wait(every_s)


def _drawn(view: dict[str, Any]) -> Group:
    return Group(census_table(view["processes"], WATCHED), *(Text(line) for line in census_summary(view)))
