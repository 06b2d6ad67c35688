# SPDX-License-Identifier: GPL-2.0-only
"""``tb shell``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.output import say
from testbed.cli.progress import shown
from testbed.cli.where import checkout_root
from testbed.errors import SpecError
from testbed.run.byhand import shell_argv, stored_cell
from testbed.run.where import accelerator
from testbed.spec import load_guest, resolve_kernel
from testbed.store.folder import RunFolder

__all__ = ["shell"]


def shell(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="A run's folder, or its id below runs/.")] = None,
    cell: Annotated[str | None, typer.Argument(metavar="CELL", help="A cell of RUN, or a part of its name.")] = None,
    kernel: Annotated[str | None, typer.Option("--kernel", "-k", help="Kernel; default: vanilla-6.12.")] = None,
    guest: Annotated[str | None, typer.Option(help="Guest; default: minimal.")] = None,
    accel: Annotated[str | None, typer.Option(help="auto, kvm or tcg; default: auto.")] = None,
) -> None:
    """Give a terminal in a guest, or in that of a cell as it ran; `exit` there ends it. Workloads are in /workloads."""
    if run is not None:
        for option, value in (("--kernel", kernel), ("--guest", guest), ("--accel", accel)):
            if value is not None:
                raise SpecError(f"{option} {value}: a stored cell brings its own; leave it out beside RUN CELL")
        lines = stored_cell(RunFolder.find(run, Path("runs")), cell)
        say(lines.title)
        argv = list(lines.argv)
    else:
        root = checkout_root()
        specs = resolve_kernel(root, kernel or "vanilla-6.12"), load_guest(root, guest or "minimal")
        with shown() as progress:
            argv = shell_argv(root, *specs, accelerator(accel or "auto", False, progress), progress)
    os.execvp(argv[0], argv)
