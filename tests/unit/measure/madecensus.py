# SPDX-License-Identifier: GPL-2.0-only
"""A census of a made-up guest."""

import numpy as np

from testbed.measure.census import Accounts, Census, CgroupTables, HugeEntries, Space, Tables

PID, CGROUP = 31, 0x1000
EMPTY, ZERO, FILE, NEEDED = range(4)
#: The workload's tables: (level, class, how many, deposits).
WORKLOAD = (
    (1, EMPTY, 200, False),
    (1, ZERO, 40, False),
    (1, FILE, 3, False),
    (1, NEEDED, 9, False),
    (1, ZERO, 6, True),
    (1, NEEDED, 2, True),
    (2, EMPTY, 1, False),
    (2, NEEDED, 3, False),
    (3, NEEDED, 2, False),
)
SYSTEM = ((1, NEEDED, 4, False), (2, NEEDED, 3, False), (3, NEEDED, 2, False))


def census() -> Census:
    """266 tables of the workload, 9 of init, 75 of the kernel."""
    rows = [(0, *row) for row in WORKLOAD] + [(1, *row) for row in SYSTEM]
    rows.sort(key=lambda row: row[1] != 1 or row[4])
    space, level, kind, deposit = (
        np.concatenate([np.full(row[3], row[column]) for row in rows]) for column in (0, 1, 2, 4)
    )
    entries = np.zeros((int(np.count_nonzero((level == 1) & ~deposit)), 11), dtype=np.uint16)
    nothing = np.zeros(0, dtype=np.uint64)
    return Census(
        spaces=(
            Space(1, PID, "workload", CGROUP, 0, 266 * 4096, 0),
            Space(2, 1, "init", 0x2000, 0, 9 * 4096, 0),
        ),
        tables=Tables(
            space.astype(np.int32),
            level.astype(np.uint8),
            np.zeros(len(level), np.uint64),
            kind,
            deposit,
            entries,
            np.arange(len(entries)),
        ),
        huge=HugeEntries(nothing.astype(np.int32), nothing, nothing.astype(np.intp)),
        bad=np.zeros((2, 5), dtype=np.int64),
        shared=np.zeros(2, dtype=np.int64),
        garbage=0,
        accounts=Accounts(350, 275, 75, 0, 0, 350, {CGROUP: CgroupTables(266, 266, 266)}),
        seconds=0.01,
        way="mmap",
    )
