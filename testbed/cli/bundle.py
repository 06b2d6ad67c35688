# SPDX-License-Identifier: GPL-2.0-only
"""``tb bundle``."""

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.output import say
from testbed.run.bundle.pack import pack
from testbed.store.folder import RunFolder

__all__ = ["bundle"]


def bundle(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its id below runs/.")],
    cell: Annotated[str, typer.Argument(metavar="CELL", help="A cell of RUN, or a part of its name.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Default: CELL.tar.zst here.")] = None,
) -> None:
    """Pack a cell into one file that anybody can run with QEMU and a shell alone."""
    folder = RunFolder.find(run, Path("runs"))
    path, size = pack(folder, folder.one_cell(cell), out)
    say(f"{path}: {size / 1e6:.1f} MB; unpack it and run ./reproduce.sh, or: ./tb reproduce {path}")
