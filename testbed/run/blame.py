# SPDX-License-Identifier: GPL-2.0-only
"""A cell that took the orchestrator down with it, again and again, is not run for ever.

On a physical machine that can be: the cell that is under way when power, switch or orchestrator go is the suspect. The
journal ``.attempted`` names it before it starts, and ends in order (a ^C) are not held against it.
"""

from collections.abc import Collection

from testbed.store.folder import RunFolder

__all__ = ["BLAMED_AFTER", "blamed"]

#: Attempts that the orchestrator did not come back from.
BLAMED_AFTER = 2


def blamed(folder: RunFolder, recorded: Collection[str], machine: str) -> dict[str, str]:
    """Give the cells that are not to be run again, each with the reason."""
    attempts = {name: folder.attempts(name) for name in folder.lost(recorded)}
    return {
        name: f"was under way when machine {machine} or its orchestrator was lost, {count} times; it is not run again"
        for name, count in attempts.items()
        if count >= BLAMED_AFTER
    }
