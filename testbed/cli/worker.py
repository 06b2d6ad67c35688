# SPDX-License-Identifier: GPL-2.0-only
"""``tb worker``."""

from typing import Annotated

import typer

from testbed.cli.output import say
from testbed.cli.progress import shown
from testbed.errors import SpecError
from testbed.run.cluster.connect import check_extra, check_url
from testbed.run.cluster.share import usable
from testbed.run.where import accelerator
from testbed.spec.units import parse_memory

__all__ = ["worker"]

MIB = 1 << 20


def worker(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of the scheduler, e.g. tcp://HOST:8786.")],
    cores: Annotated[
        int | None, typer.Option("--cores", "--nthreads", min=1, help="For guests; default: all usable.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option("--memory", "--memory-limit", help="For guests, e.g. 8GiB; default: 80 % of the free.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the scheduler calls this worker.")] = None,
    death_timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the scheduler.")] = 60.0,
) -> None:
    """Run cells for whoever asks this Dask scheduler, until it goes or a signal comes."""
    if check_url(url) is not None:
        raise SpecError(f"{url}: a worker needs the address of a scheduler, tcp://HOST:PORT")
    check_extra()
    from testbed.run.cluster.worker import Offer, serve

    all_cores, all_mib = usable()
    memory_mib = _mib(memory) if memory else all_mib
    with shown() as progress:
        accel = accelerator("auto", False, progress)
    serve(url, Offer(cores or all_cores, memory_mib, accel), name, death_timeout, say)


def _mib(text: str) -> int:
    """Read a size; dask-jobqueue writes parts of a GiB."""
    number, unit = text.removesuffix("GiB"), text[-3:]
    try:
        if unit == "GiB" and "." in number:
            return int(float(number) * 1024)
        return parse_memory(text) // MIB
    except ValueError as error:
        raise SpecError(f"--memory {text}: {error}") from error
