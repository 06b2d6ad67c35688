# SPDX-License-Identifier: GPL-2.0-only
from run_records import COSTS, FLAKE, bench, cell, suite_test

from testbed.report.costs import cost_text, costs_of
from testbed.report.overhead import budget_summary, overhead_table
from testbed.report.suite import suite_rows, suite_summary
from testbed.report.table import of_scenarios, summary

PLAIN = {name: {**cost, "ratio": None, "budget": None, "within": None} for name, cost in COSTS.items()}


def test_benches_of_a_run_make_the_table_that_tb_bench_prints():
    rows = overhead_table(costs_of([bench("vanilla-6.12", "done", costs=PLAIN), cell(), bench()]))
    assert rows[0].split() == [
        "instructions",
        "for",
        "one",
        "vanilla-6.12",
        "ptreclaim-6.12",
        "change",
        "error",
        "budget",
    ]
    assert rows[1].split() == ["fault", "6,259", "6,259", "+0.30", "%", "1e-05", "+0.5", "%", "met"]
    assert rows[2].endswith("+10 % OVER: ptreclaim-6.12")


def test_kernel_whose_bench_died_leaves_the_others_in_the_table():
    some = {"fault": COSTS["fault"]}
    rows = overhead_table(costs_of([bench("a", "error", costs=None), bench("b", costs=some), bench("c")]))
    assert rows[0].split()[3:7] == ["b", "c", "change", "error"]
    assert rows[2].split()[:3] == ["fork-exit", "-", "91,000"]
    assert overhead_table(costs_of([bench("b"), bench("c", costs=some)]))[2].split()[:4] == [
        "fork-exit",
        "91,000",
        "-",
        "-",
    ]


def test_repeated_bench_is_a_column_of_its_own():
    assert overhead_table(costs_of([bench("a"), bench("a", number=2)]))[0].split()[3:5] == ["a", "a#2"]


def test_missed_budget_is_told_below_the_table():
    assert budget_summary(costs_of([bench()])) == [
        "1 of 2 costs that have a budget are within it",
        "OVER ptreclaim-6.12 fork-exit: +30.00 %, +10 % is allowed",
    ]
    assert budget_summary([]) == []


def test_cost_in_words_leaves_out_what_is_not_known():
    assert cost_text({"instructions": 7.04}) == "7.0 instructions"
    assert (
        cost_text(COSTS["fork-exit"]) == "91,000.0 instructions, 20.0 of them in the pass, +30.00 %, +10 % is allowed"
    )


def test_bench_is_no_row_among_scenarios_and_its_failure_is_told():
    records = [cell(), bench(reason="fork-exit is over its budget")]
    assert of_scenarios(records) == records[:1]
    assert "FAIL ptreclaim-6.12/minimal/bench/overhead#1: fork-exit is over its budget" in summary(records)


def test_summary_says_how_a_flake_ended_first():
    assert any("first crash: oops: BUG in pte_free" in line for line in summary([cell(verdict="flake", first=FLAKE)]))


def test_flake_of_a_suite_is_shown_and_told():
    records = [suite_test("vanilla-6.12", "a", "pass"), {**suite_test("k", "a", "flake"), "first": FLAKE}]
    assert "flake" in suite_rows(records)[2]
    assert any("FLAKE k/minimal/suites/s:test=a#1: first crash: oops" in line for line in suite_summary(records))
