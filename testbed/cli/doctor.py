# SPDX-License-Identifier: GPL-2.0-only
"""``tb doctor``."""

from typing import Annotated

import typer

from testbed.cli.output import emit, say
from testbed.cli.progress import shown
from testbed.cli.where import checkout_root
from testbed.run.doctor import examine

__all__ = ["doctor"]

EXIT_CANNOT = 2


def doctor(json_: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """Say what this host can do, proved, and how to mend what it can't."""
    with shown() as progress:
        diagnosis = examine(checkout_root(), progress)
    if json_:
        emit(diagnosis.record())
    else:
        for finding in diagnosis.findings:
            say(f"{'ok  ' if finding.ok else 'LACK'} {finding.name}: {finding.found}")
            if finding.mend:
                say(f"     mend: {finding.mend}")
        say("The main job can run here." if diagnosis.ok else "The main job can't run here.")
    raise typer.Exit(0 if diagnosis.ok else EXIT_CANNOT)
