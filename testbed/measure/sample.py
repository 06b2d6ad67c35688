# SPDX-License-Identifier: GPL-2.0-only
"""One phase's numbers from all channels, put side by side, and whether they tell the same.

Channels at the stopped instant: the agent's counters (data channel), the agent's line on the serial console, and
NR_PAGETABLE and the process's tables read from outside over QMP.
"""

import re
from collections.abc import Mapping
from typing import Any

from testbed.measure.outside import Tables

__all__ = ["console_pattern", "sample"]

LEVELS = ("pte", "pmd", "pud", "p4d")
TABLE_KB = 4


def console_pattern(nonce: str, phase: str) -> str:
    """Give the regular expression of the agent's console line for a phase."""
    return rf"TB-PHASE {re.escape(nonce)} {re.escape(phase)} ((?:\w+=\d+ ?)+)\r?\n"


def sample(
    counters: Mapping[str, Any],
    console_line: str | None,
    outside_kb: int | None,
    tables: Tables | None,
    unexamined: str | None = None,
) -> dict[str, Any]:
    """Make the record of one phase (fields in kB where they end in ``_kb``, tables where they do not).

    ``outside_kb`` and ``tables`` are None where the guest could not be examined; ``unexamined`` says why. ``needed``
    is the agent's estimate from pagemap: PTE tables that hold a present or swapped page other than the zeropage.
    """
    console = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", console_line or "")}
    needed = {level: int(counters["needed"].get(level, 0)) for level in LEVELS}
    record: dict[str, Any] = {key: value for key, value in counters.items() if key != "needed"}
    record["console_pagetables_kb"] = console.get("pagetables_kb")
    record["qmp_pagetables_kb"] = outside_kb
    record["needed"] = needed["pte"]
    record["needed_levels"] = needed
    record["needed_kb"] = sum(needed.values()) * TABLE_KB
    record["needed_source"] = "pagemap"
    if tables is not None:
        counted = {level: getattr(tables, level) for level in LEVELS}
        # A P4D table is needed exactly when a PUD table below it is; pagemap's levels end at the PUD.
        needed["p4d"] = min(counted["p4d"], needed["pud"])
        record["tables"] = counted
        record["left_over"] = {level: max(0, counted[level] - needed[level]) for level in LEVELS}
        record["left_over_kb"] = sum(record["left_over"].values()) * TABLE_KB
    differences = _differences(counters, console, outside_kb, tables)
    record["agree"] = None if unexamined else not differences
    record["disagreement"] = unexamined or ("; ".join(differences) or None)
    return record


def _differences(
    counters: Mapping[str, Any], console: Mapping[str, int], outside_kb: int | None, tables: Tables | None
) -> list[str]:
    inside = counters["pagetables_kb"]
    found = []
    if not console:
        found.append("the serial console never showed this phase's line")
    found += [
        f"{key}: console {value} kB, data channel {counters.get(key)} kB"
        for key, value in console.items()
        if counters.get(key) != value
    ]
    if outside_kb is not None and outside_kb != inside:
        found.append(f"page tables: QMP {outside_kb} kB, data channel {inside} kB")
    if tables is not None and tables.account_kb != counters["vmpte_kb"]:
        found.append(f"VmPTE: QMP {tables.account_kb} kB, data channel {counters['vmpte_kb']} kB")
    return found
