# SPDX-License-Identifier: GPL-2.0-only
from rich.console import Console

from testbed.report.table import plain_rows, summary, table


def record(kernel: str, verdict: str, after: int) -> dict:
    phases = {"start": {"vmpte_kb": 40}, "peak": {"vmpte_kb": 131364}, "after": {"vmpte_kb": after, "needed_kb": 44}}
    phases["after"] |= {"left_over_kb": after - 44, "left_over": {"pte": (after - 52) // 4, "pmd": 2}}
    return {
        "cell": f"{kernel}/minimal/benign/x#1",
        "kernel": {"name": kernel, "release": "6.12.1", "patchset_hash": None, "config_hash": "c0ffee"},
        "guest": {"name": "minimal", "vcpus": 1, "memory_mib": 1024, "levels": 4},
        "accel": {"kind": "tcg", "reason": "kvm: /dev/kvm is not there"},
        "verdict": verdict,
        "reason": f"[odd] after {after}",
        "wall_s": 3.14,
        "phases": phases,
    }


RECORDS = [record("vanilla-6.12", "pass", 131364), record("ptreclaim-6.12", "fail", 96)]


def test_plain_rows_stand_in_columns():
    header, first, second = plain_rows(RECORDS)
    sizes = ["40", "131,364", "131,364", "-", "44", "131,320", "131,312"]
    assert first.split() == ["benign/x", "vanilla-6.12", *sizes, "pass", "3.1"]
    assert header.index("kernel") == first.index("vanilla") == second.index("ptreclaim")


def test_what_was_left_over_is_told_of_the_phase_after_reclaim_where_there_is_one():
    pressed = {"vmpte_kb": 60, "needed_kb": 52, "left_over_kb": 8, "left_over": {"pte": 0}}
    asked = {**RECORDS[0], "phases": {**RECORDS[0]["phases"], "pressed": pressed}}
    assert plain_rows([asked])[1].split()[4:9] == ["131,364", "60", "52", "8", "0"]


def test_terminal_table_names_a_scenario_once():
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(table(RECORDS))
    assert console.export_text().count("benign/x") == 1


def test_cell_that_died_early_still_has_a_row():
    dead = {**RECORDS[0], "phases": {}, "verdict": "crash"}
    assert plain_rows([dead])[1].split()[2:9] == ["-"] * 7


def test_summary_counts_and_names_what_failed_and_why_it_was_slow():
    lines = summary(RECORDS)
    assert lines[0] == "2 cells: 1 pass, 1 fail"
    assert "accelerator: tcg (kvm: /dev/kvm is not there)" in lines
    assert "FAIL ptreclaim-6.12/minimal/benign/x#1: [odd] after 96" in lines
