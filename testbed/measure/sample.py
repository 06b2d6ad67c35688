# SPDX-License-Identifier: GPL-2.0-only
"""One phase's numbers from all channels, put side by side: the record that expectations are judged on.

Channels at the stopped instant: the agent's counters (data channel), the agent's line on the serial console, and the
census over QMP.
"""

import re
from collections.abc import Mapping
from typing import Any

from testbed.measure.agreement import differences
from testbed.measure.census import LEVELS, Census

__all__ = ["census_record", "console_pattern", "judged_spaces", "sample"]

TABLE_KB = 4


def console_pattern(nonce: str, phase: str) -> str:
    """Give the regular expression of the agent's console line for a phase."""
    return rf"TB-PHASE {re.escape(nonce)} {re.escape(phase)} ((?:\w+=\d+ ?)+)\r?\n"


def sample(
    counters: Mapping[str, Any],
    console_line: str | None,
    census: Census | None,
    pid: int,
    unexamined: str | None = None,
    stale: int = 0,
) -> dict[str, Any]:
    """Make the record of one phase (fields in kB where they end in ``_kb``, tables where they do not).

    ``pid`` is the workload's. ``census`` is None where none was taken; ``unexamined`` says why. Then ``needed`` is the
    agent's estimate from pagemap: PTE tables that hold a present or swapped page other than the zeropage. ``stale``
    counts entries of the zeropage in memory that held the workload's tables at an earlier phase, and no longer does.
    """
    console = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", console_line or "")}
    record: dict[str, Any] = {key: value for key, value in counters.items() if key not in ("needed", "ranges")}
    record["console_pagetables_kb"] = console.get("pagetables_kb")
    if census is not None:
        record["qmp_pagetables_kb"] = census.accounts.nr_pagetable * TABLE_KB
        record |= census_record(census, pid) | {"stale_entries": stale}
    else:
        needed = {level: int(counters["needed"].get(level, 0)) for level in LEVELS}
        record |= {"census": None, "unexamined": unexamined} | _needed(needed, "pagemap")
    found = differences(counters, console, census, pid)
    record["agree"] = not found
    record["disagreement"] = "; ".join(found) or None
    return record


def census_record(census: Census, pid: int | None) -> dict[str, Any]:
    """Give what the census says of the processes in the memory cgroup of ``pid``, and of all others (``system``).

    ``needed`` counts what must stay, page-cache tables (``file``) included; ``left_over`` what need not.
    """
    judged = judged_spaces(census, pid)
    others = [index for index in range(len(census.spaces)) if index not in judged]
    counts = census.counts(judged)
    left_over = {level: counts[level]["empty"] + counts[level]["zero"] for level in LEVELS}
    accounts = census.accounts
    return {
        "census": counts,
        "entries": census.kinds(judged),
        "tables": {level: counts[level]["tables"] for level in LEVELS},
        **_needed({level: counts[level]["needed"] + counts[level]["file"] for level in LEVELS}, "census"),
        "left_over": left_over,
        "left_over_kb": sum(left_over.values()) * TABLE_KB,
        "left_over_file": counts["pte"]["file"],
        "system": {
            **census.counts(others),
            "kernel": accounts.kernel,
            "rcu_pending": accounts.pending,
            "unreached": accounts.unreached,
        },
        "census_s": round(census.seconds, 4),
        "census_way": census.way,
    }


def judged_spaces(census: Census, pid: int | None) -> tuple[int, ...]:
    """Give the owners (indices) in the memory cgroup of ``pid``, or its own where it has none."""
    mine = tuple(i for i, space in enumerate(census.spaces) if pid is not None and space.pid == pid)
    cgroup = census.spaces[mine[0]].cgroup if mine else 0
    return census.of_cgroup(cgroup) or mine


def _needed(needed: Mapping[str, int], source: str) -> dict[str, Any]:
    return {
        "needed": needed["pte"],
        "needed_levels": dict(needed),
        "needed_kb": sum(needed.values()) * TABLE_KB,
        "needed_source": source,
    }
