# SPDX-License-Identifier: GPL-2.0-only
from testbed.report.overhead import overhead_summary, overhead_table


def record(kernel: str, operation: str, instructions: float, **more) -> dict:
    return {
        "kernel": {"name": kernel},
        "operation": operation,
        "instructions": instructions,
        "ratio": None,
        "repeat_error": 2e-6,
        "budget": None,
        "within": None,
        "reclaim": None,
        "kept": None,
        "accel": {"kind": "tcg", "reason": "counted"},
        **more,
    }


PLAIN = [record("plain", "fault", 1000.0), record("plain", "cycle-64", 2000.0, kept=64)]
OURS = [
    record("ours", "fault", 1002.0, ratio=1.002, budget=0.005, within=True, repeat_error=3e-4),
    record("ours", "cycle-64", 2600.0, ratio=1.3, budget=0.1, within=False, kept=16, reclaim=20.0),
]


def test_kernels_stand_side_by_side_with_change_error_and_budget():
    assert overhead_table(PLAIN + OURS) == [
        "instructions for one  plain   ours    change  error  budget",
        "fault                 1,000  1,002   +0.20 %  3e-04  +0.5 % met",
        "cycle-64              2,000  2,600  +30.00 %  2e-06  +10 % OVER: ours",
        "  of it the pass          -     20",
        "  empty tables kept      64     16",
    ]


def test_one_kernel_alone_is_held_against_nothing():
    assert overhead_table(PLAIN)[1] == "fault                 1,000  2e-06  -"
    assert overhead_summary(PLAIN) == ["tcg: counted"]


def test_every_missed_budget_is_told_with_its_figure():
    assert overhead_summary(PLAIN + OURS) == [
        "tcg: counted",
        "1 of 2 costs that have a budget are within it",
        "OVER ours cycle-64: +30.00 %, +10 % is allowed",
    ]
