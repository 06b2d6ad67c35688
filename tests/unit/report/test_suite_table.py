# SPDX-License-Identifier: GPL-2.0-only
"""A suite's table and what is said below it."""

from xml.etree import ElementTree

from junit_schema import check_schema
from rich.console import Console

from testbed.report.junit import junit_xml
from testbed.report.suite import suite_rows, suite_summary, suite_tables
from testbed.report.table import of_scenarios, summary

OURS, VANILLA = "ptreclaim-6.12", "vanilla-6.12"
RUN = {"run": "20261122T000000Z"}


def record(kernel: str, test: str, verdict: str, subtests=None, reason="because", attempt=1) -> dict:
    return {
        "cell": f"{kernel}/selftests/suites/mm:test={test}#{attempt}",
        "kernel": {"name": kernel},
        "guest": {"name": "selftests"},
        "scenario": {"name": "suites/mm", "kind": "suites", "params": {"test": test}, "baseline": "vanilla-*"},
        "accel": {"kind": "tcg", "reason": "tcg: booted"},
        "verdict": verdict,
        "reason": reason,
        "wall_s": 4.06,
        "phases": {},
        "subtests": subtests,
    }


def both(test: str, vanilla: tuple, ours: tuple) -> list[dict]:
    return [record(VANILLA, test, *vanilla), record(OURS, test, *ours)]


FINE = both("cow", ("pass", {"a": "ok", "b": "skip"}), ("pass", {"a": "ok", "b": "skip"}))
LOST = both("mremap", ("pass", {"[x] 2MB": "ok"}), ("fail", {"[x] 2MB": "not ok"}))
OLD = both("thuge", ("fail", {}, "no shm"), ("fail", {}, "no shm"))
SKIPPED = both("vmalloc", ("skip", {}, "a module"), ("skip", {}, "a module"))


def test_table_has_a_row_a_test_and_a_column_a_kernel():
    _, head, cow, mremap = suite_rows(FINE + LOST)
    assert head.split() == ["test", VANILLA, OURS]
    assert cow.split() == ["cow", "pass", "1/2", "4.1", "s", "pass", "1/2", "4.1", "s"]
    assert mremap.index("fail") == cow.rindex("pass") == head.index(OURS)


def test_terminal_table_shows_brackets_as_they_are():
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    for view in suite_tables(both("[odd]", ("pass", {}), ("pass", {}))):
        console.print(view)
    assert "[odd]" in console.export_text()


def test_regression_is_named_with_its_subtest_before_all_else():
    lines = suite_summary(FINE + OLD + LOST)
    assert [line for line in lines if line.startswith("WORSE")] == [
        f"WORSE mremap: pass on {VANILLA}, fail on {OURS}",
        f"WORSE mremap: [x] 2MB: ok on {VANILLA}, not ok on {OURS}",
    ]


def test_without_a_regression_that_is_said():
    assert suite_summary(FINE + OLD)[0] == f"of 1 tests that pass on {VANILLA} none fails on {OURS}"


def test_what_could_not_be_compared_is_told():
    lines = suite_summary(FINE + both("pkey", ("pass", {}), ("error", {})) + [record(VANILLA, "alone", "pass")])
    assert f"NOT COMPARED on {OURS}: pkey, alone" in lines


def test_failure_of_the_baseline_too_is_told_as_such():
    told = [line for line in suite_summary(OLD) if line.startswith("FAIL")]
    assert told == [
        f"FAIL {OLD[0]['cell']}: no shm",
        f"FAIL {OLD[1]['cell']} (as on the baseline): no shm",
    ]


def test_reason_of_a_skip_stands_once_unless_the_kernels_differ():
    assert [line for line in suite_summary(SKIPPED) if "SKIP" in line] == ["SKIP vmalloc: a module"]
    apart = both("pkey", ("pass", {}), ("skip", {}, "no keys"))
    assert f"SKIP pkey on {OURS}: no keys" in suite_summary(apart)
    assert f"differs pkey: pass on {VANILLA}, skip on {OURS}" in suite_summary(apart)


def test_several_attempts_show_the_worst_and_how_often():
    attempts = [record(VANILLA, "cow", verdict, attempt=n) for n, verdict in enumerate(("pass", "fail", "pass"), 1)]
    assert suite_rows(attempts)[2].split()[1:4] == ["fail", "(1", "of"]


def test_suite_that_ran_on_one_kernel_is_compared_with_nothing():
    alone = [record(OURS, "cow", "fail")]
    assert suite_summary(alone) == [f"FAIL {alone[0]['cell']}: because"]


def test_tests_are_counted_with_all_cells_and_stand_in_no_other_table():
    assert summary(FINE + LOST)[0] == "4 cells: 3 pass, 1 fail"
    assert not any("mremap" in line for line in summary(LOST))
    assert of_scenarios(FINE) == []


def test_ci_server_sees_a_failure_of_both_kernels_as_skipped_and_a_regression_as_failure():
    text = junit_xml(RUN, OLD + LOST)
    check_schema(text)
    found = {case.get("name"): [child.tag for child in case] for case in ElementTree.fromstring(text).iter("testcase")}
    assert found["suites/mm:test=thuge#1"] == ["skipped"]
    assert found["suites/mm:test=mremap#1"] == ["failure"]
