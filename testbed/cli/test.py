# SPDX-License-Identifier: GPL-2.0-only
"""``tb test``."""

import subprocess
import sys
from typing import Annotated

import typer

from testbed.cli.where import checkout_root

__all__ = ["test"]

TIER = ("lint", "unit", "browser", "kernel", "guest")


def test(all_: Annotated[bool, typer.Option("--all", help="Also what needs hours.")] = False) -> None:
    """Run the test suite through tox."""
    envs = ",".join((*TIER, "night") if all_ else TIER)
    done = subprocess.run([sys.executable, "-m", "tox", "run", "-e", envs], cwd=checkout_root(), check=False)
    raise typer.Exit(done.returncode)
