# SPDX-License-Identifier: GPL-2.0-only
"""``tb shell``."""

import os
from typing import Annotated

import typer

from testbed.cli.progress import shown
from testbed.cli.where import checkout_root
from testbed.run.byhand import shell_argv
from testbed.run.conduct import accelerator
from testbed.spec import load_guest, resolve_kernel

__all__ = ["shell"]


def shell(
    kernel: Annotated[str, typer.Option("--kernel", "-k", help="Kernel.")] = "vanilla-6.12",
    guest: Annotated[str, typer.Option(help="Guest.")] = "minimal",
    accel: Annotated[str, typer.Option(help="auto, kvm or tcg.")] = "auto",
) -> None:
    """Give a terminal in a guest; `exit` there ends it. Workloads are in /workloads."""
    root = checkout_root()
    specs = resolve_kernel(root, kernel), load_guest(root, guest)
    with shown() as progress:
        argv = shell_argv(root, *specs, accelerator(accel, False, progress), progress)
    os.execvp(argv[0], argv)
