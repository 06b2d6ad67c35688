# SPDX-License-Identifier: GPL-2.0-only
import contextlib
import importlib
import io
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_records import COSTS, FLAKE, VERDICTS, bench, cell, run_of, suite_test

from testbed.build import cache_root
from testbed.judge.ktap import NOT_OK, OK, SKIP, XFAIL, parse_ktap
from testbed.report.ktap import ktap_text

GROUP = "vanilla-6.12/minimal"
# What has a meaning in the format, among characters that end a line or move a cursor.
MEANING = (
    *(" # SKIP", " # TIMEOUT late", "#", " # ", "SKIP", "XFAIL", "# Subtest: z", "- ", "%23", "\\"),
    *("ok 1 x", "not ok 2 y", "KTAP version 1", "1..9", "Bail out!"),
    *("\n", "\r", "\x1b[31m", "\u2028", "\x00", "\ud800", "\t", " ", "é"),
)
NASTY = st.lists(st.sampled_from(MEANING) | st.text(max_size=3), max_size=6).map("".join)


def read(*records, evidence=lambda _: (), **more):
    return parse_ktap(ktap_text(run_of(*records, **more), records, evidence).split("\n"))


def line(text: str, name: str) -> str:
    (found,) = (line.strip() for line in text.splitlines() if re.search(rf"ok \d+ {re.escape(name)}( #|$)", line))
    return found


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("pass", "ok 1 benign/x # pass: why"),
        ("done", "ok 1 benign/x # done: why"),
        ("skip", "ok 1 benign/x # SKIP why"),
        ("gap", "ok 1 benign/x # XFAIL why"),
        ("hang", "not ok 1 benign/x # TIMEOUT why"),
        ("error", "not ok 1 benign/x # ERROR why"),
        ("fail", "not ok 1 benign/x # fail: why"),
        ("crash", "not ok 1 benign/x # crash: why"),
    ],
)
def test_each_verdict_has_the_result_and_the_directive_that_the_format_has_for_it(verdict, told):
    record = cell(verdict=verdict, reason="why")
    assert line(ktap_text(run_of(record), [record]), "benign/x") == told


def test_cell_that_passed_the_second_time_only_is_not_ok_and_says_how_it_ended_first():
    record = cell(verdict="flake", first=FLAKE, reason="after.x 0 <= 0")
    told = line(ktap_text(run_of(record), [record]), "benign/x")
    assert told == "not ok 1 benign/x # flake: first crash: oops: BUG in pte_free; run again: after.x 0 <= 0"


def test_every_verdict_is_read_back_as_what_it_was():
    read_back = read(*(cell(label=f"benign/{verdict}", verdict=verdict) for verdict in VERDICTS))
    outcomes = [result.outcome for result in read_back.results]
    assert outcomes == [OK, OK, XFAIL, SKIP, NOT_OK, NOT_OK, NOT_OK, NOT_OK, NOT_OK, NOT_OK]
    assert read_back.results[-1].name == GROUP
    assert (read_back.promised, read_back.missing) == (10, 0)


def test_kernels_are_tests_of_their_own_and_fail_where_a_cell_of_theirs_does():
    results = read(cell(), cell("ptreclaim-6.12", verdict="fail"), cell("pte_ref-6.12", verdict="skip")).results
    assert {result.name: result.outcome for result in results if result.name.count("/") == 1} == {
        GROUP: OK,
        "ptreclaim-6.12/minimal": NOT_OK,
        "pte_ref-6.12/minimal": SKIP,
    }


def test_cell_that_was_planned_and_has_no_record_is_missed():
    done, lost = cell(), cell(label="benign/lost")
    text = ktap_text(run_of(done, lost), [done])
    assert parse_ktap(text.split("\n")).missing == 1
    assert line(text, GROUP) == f"not ok 1 {GROUP} # ERROR 1 of 2 cells have no record"


def test_repeated_cells_have_names_of_their_own():
    names = [result.name for result in read(*(cell(number=number) for number in (1, 2, 3))).results]
    assert names == [f"{GROUP}/benign/x", f"{GROUP}/benign/x (2)", f"{GROUP}/benign/x (3)", GROUP]


def test_subtests_stand_one_level_below_their_test():
    record = suite_test("vanilla-6.12", "a", "fail", {"one # SKIP": OK, "two": NOT_OK, "three": SKIP, "four": XFAIL})
    results = {result.name.rpartition("/")[2]: result.outcome for result in read(record).results}
    assert results == {
        "one %23 SKIP": OK,
        "two": NOT_OK,
        "three": SKIP,
        "four": XFAIL,
        "s:test=a": NOT_OK,
        "minimal": NOT_OK,
    }


def test_crash_behind_the_last_subtest_is_seen_by_who_counts_subtests_only():
    record = suite_test("vanilla-6.12", "a", "crash", {"one": OK, "two": OK})
    text = ktap_text(run_of(record), [record])
    assert line(text, "(the test as a whole)").startswith("not ok 3 (the test as a whole) # crash: ")
    assert parse_ktap(text.split("\n")).missing == 0


def test_failure_that_the_baseline_has_too_is_expected_with_all_that_is_below_it():
    records = [suite_test(kernel, "a", "fail", {"one": NOT_OK}) for kernel in ("vanilla-6.12", "ptreclaim-6.12")]
    outcomes = {result.name: result.outcome for result in read(*records).results}
    assert set(outcomes.values()) == {OK, XFAIL}
    assert outcomes["ptreclaim-6.12/minimal/suites/s:test=a/one"] == XFAIL


def test_costs_of_a_bench_are_tests_below_it_that_fail_over_their_budget():
    record = bench()
    text = ktap_text(run_of(record), [record])
    assert line(text, "fault") == "ok 1 fault # counted: 6,259.3 instructions, +0.30 %, +0.5 % is allowed"
    assert line(text, "fork-exit").startswith("not ok 2 fork-exit # over: 91,000.0 instructions")
    assert line(text, "stream") == "ok 3 stream # counted: 12.5 instructions"


def test_bench_that_died_before_it_counted_is_a_plain_failure():
    assert [result.outcome for result in read(bench(verdict="crash", costs=None)).results] == [NOT_OK, NOT_OK]


def test_evidence_stands_above_the_result_and_is_never_taken_for_one():
    record = cell(verdict="crash")
    lines = ["ok 5 faked", "console: KTAP version 1", "\tKernel panic\x1b[0m"]
    text = ktap_text(run_of(record), [record], lambda _: lines)
    assert "  # evidence:       Kernel panic\\x1b[0m\n  not ok 1 benign/x # crash" in text
    assert [result.name for result in parse_ktap(text.split("\n")).results] == [f"{GROUP}/benign/x", GROUP]


def test_what_the_results_were_got_with_is_told_above_them():
    text = ktap_text(run_of(cell(), resumed=[{"at": "2026-11-24", "argv": ["tb", "run"]}]), [cell()])
    assert "# argv: tb run --set 'a b=1'\n" in text
    assert "# accelerator: tcg (kvm: /dev/kvm is not there)\n" in text
    assert "# host: a1b2c3d4e5f6\n" in text
    assert "source_version 6.12.117-1~deb12u1" in text


def test_run_without_a_cell_says_so():
    assert parse_ktap(ktap_text(run_of(), []).split("\n")).skipped == "no cell has a record"


@settings(deadline=None)
@given(reason=NASTY, name=NASTY, verdict=st.sampled_from(VERDICTS))
def test_no_text_makes_another_result_of_a_cell(reason, name, verdict):
    plain = cell(verdict=verdict, first=FLAKE)
    odd = {**plain, "reason": reason, "first": {"verdict": "fail", "reason": reason}}
    odd |= {"cell": f"vanilla-6.12/minimal/benign/{name}#1", "subtests": {name: SKIP, f"{name}2": OK}}
    told = [result.outcome for result in read(odd, evidence=lambda _: [reason, name]).results]
    expected = [result.outcome for result in read(plain).results]
    assert told == [SKIP, OK, *([NOT_OK] if expected[0] == NOT_OK else []), *expected]


@settings(deadline=None)
@given(names=st.lists(NASTY.filter(bool), unique=True, max_size=4))
def test_no_two_names_become_one(names):
    record = cell(subtests=dict.fromkeys(names, OK))
    results = [line for line in ktap_text(run_of(record), [record]).splitlines() if line.startswith("    ok ")]
    assert len({line.split(" ", 6)[6] for line in results}) == len(names)


@settings(deadline=None, max_examples=50)
@given(reason=NASTY, name=NASTY)
def test_the_kernels_own_parser_reads_the_same(reason, name, kunit_parser):
    bad = cell(label=f"benign/{name}", verdict="fail", reason=reason, subtests={name: SKIP, "b": OK})
    records = [bad, cell(label="benign/y"), cell("ptreclaim-6.12", verdict="skip", reason=reason), bench()]
    text = ktap_text(run_of(*records), records, lambda _: [reason])
    with contextlib.redirect_stdout(io.StringIO()):
        counts = kunit_parser.parse_run_tests(iter(text.split("\n"))).counts
    over = sum(cost["within"] is False for cost in COSTS.values())
    assert (counts.errors, counts.crashed, counts.skipped) == (0, 0, 2)
    assert counts.failed == over + 1
    assert counts.passed == len(COSTS) - over + 2


@pytest.fixture(scope="module")
def kunit_parser():
    """tools/testing/kunit of a kernel source that a build has fetched."""
    for folder in sorted(cache_root().glob("source/*/tools/testing/kunit")):
        sys.path.insert(0, str(folder))
        try:
            yield importlib.import_module("kunit_parser")
        finally:
            sys.path.remove(str(folder))
        return
    pytest.skip("no kernel source is in the cache; ./tb kernel build vanilla-6.12 fetches one")
