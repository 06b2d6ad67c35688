# SPDX-License-Identifier: GPL-2.0-only
"""``tb guest``."""

from dataclasses import asdict
from typing import Annotated

import typer

from testbed.build import build_guest
from testbed.cli.output import emit, rows, say
from testbed.cli.progress import shown
from testbed.cli.where import checkout_root
from testbed.spec import list_guests, load_guest

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@app.command(name="list")
def list_(json_: Json = False) -> None:
    """List the guests."""
    root = checkout_root()
    guests = [load_guest(root, name) for name in list_guests(root)]
    if json_:
        emit([asdict(guest) for guest in guests])
        return
    rows(
        ("guest", "memory", "vcpus", "levels", "packages"),
        [
            (
                guest.name,
                f"{guest.memory_bytes >> 20} MiB",
                str(guest.vcpus),
                str(guest.levels),
                " ".join(guest.packages) or "-",
            )
            for guest in guests
        ],
    )


@app.command()
def build(names: Annotated[list[str], typer.Argument(help="Guests.")]) -> None:
    """Build guest images, or find them in the cache."""
    root = checkout_root()
    for spec in [load_guest(root, name) for name in names]:
        with shown() as progress:
            image = build_guest(root, spec, progress)
        say(f"{spec.name}: {'cached' if image.cached else 'built'}: {image.initramfs}")
