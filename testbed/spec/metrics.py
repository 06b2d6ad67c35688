# SPDX-License-Identifier: GPL-2.0-only
"""The metrics that an expectation may name, so that a misspelt one is found before anything starts."""

from collections.abc import Collection

from testbed.spec.hints import unknown

__all__ = ["EXIT_METRICS", "METRICS", "check_metric", "split_metric"]

# Of a workload that a signal ended there is no status; ``oom_kill`` counts whom the OOM killer ended in its cgroup.
EXIT_METRICS = ("exit.status", "exit.oom_kill")
LEVELS = ("pte", "pmd", "pud", "p4d")
CENSUS = ("tables", "empty", "zero", "file", "needed", "deposit", "bad")
ENTRIES = (
    *("zero", "anon", "file_clean", "file_dirty", "shmem", "swap", "migration", "marker", "device", "bad"),
    *(f"huge_{kind}" for kind in ("zero", "zero_held", "anon", "file", "hugetlb", "migration", "device")),
)
PLAIN = (
    "pagetables_kb",
    "secpagetables_kb",
    "slab_kb",
    "percpu_kb",
    "vmpte_kb",
    "vmrss_kb",
    "vmsize_kb",
    "cgroup_pagetables_kb",
    "nr_page_table_pages",
    "needed",
    "needed_kb",
    "left_over_kb",
    "left_over_file",
    "stale_entries",
)
METRICS = (
    *PLAIN,
    *(f"{name}.{level}" for name in ("needed_levels", "tables", "left_over") for level in LEVELS),
    *(f"census.{level}.{name}" for level in LEVELS for name in CENSUS),
    *(f"entries.{kind}" for kind in ENTRIES),
)
# The same for a person to read.
SHOWN = (
    *PLAIN,
    *(f"{name}.{{{','.join(LEVELS)}}}" for name in ("needed_levels", "tables", "left_over")),
    f"census.LEVEL.{{{','.join(CENSUS)}}}",
    f"entries.{{{','.join(ENTRIES)}}}",
)


def split_metric(metric: str) -> tuple[str, str]:
    """Return the phase (or ``exit``) and the name of a metric."""
    phase, _, name = metric.partition(".")
    return phase, name


def check_metric(metric: str, phases: Collection[str]) -> None:
    """Raise ValueError unless the metric is one of the exit or a known name in one of the phases."""
    phase, name = split_metric(metric)
    if phase == "exit":
        if metric not in EXIT_METRICS:
            raise ValueError(f"unknown metric {metric!r}; of the exit only {' and '.join(EXIT_METRICS)} are known")
    elif phase not in phases:
        raise ValueError(f"phase {phase!r} of {metric!r} is not in phases: {', '.join(phases)}")
    elif name not in METRICS:
        raise ValueError(unknown("metric", name, METRICS, SHOWN))
