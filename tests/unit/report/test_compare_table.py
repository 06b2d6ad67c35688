# SPDX-License-Identifier: GPL-2.0-only
"""What ``tb compare`` prints."""

from historic import header, record

from testbed.judge.compared import compare
from testbed.report.compare import compare_json, compare_summary, compare_table, surroundings

A, B = "20261123T010000Z", "20261124T010000Z"
PATCHED = {"ptreclaim-6.12": {"key": "k2", "patchset_hash": "b" * 64, "source_version": "6.12.117-1"}}
KERNEL = {"name": "ptreclaim-6.12", **PATCHED["ptreclaim-6.12"]}
CELLS = compare(
    (header(A), [record(A), record(A, scenario="benign/hole-punch")]),
    (header(B, PATCHED), [record(B, left_over=512, kernel=KERNEL), record(B, scenario="benign/new")]),
)


def test_row_of_a_cell_has_both_verdicts_and_the_numbers_below() -> None:
    assert [line.split() for line in compare_table(CELLS)] == [
        ["scenario,", "metric", "kernel", "A", "B", "judgement"],
        ["benign/dontneed-loop", "ptreclaim-6.12", "pass", "pass", "regression"],
        ["after.left_over.pte", "0", "512", "regression"],
        ["after.vmpte_kb", "108", "2,156", "regression"],
    ]


def test_one_cause_is_told_in_one_line_with_what_changed() -> None:
    worse, *rest = compare_summary(CELLS)
    assert worse == (
        "REGRESSION ptreclaim-6.12/minimal/benign/dontneed-loop: after.left_over.pte 512, was 0 in 1 run;"
        f" first bad {B}, last good {A}; between: patches aaaaaaaa→bbbbbbbb, source unchanged;"
        " also after.vmpte_kb 2,156 (was 108)"
    )
    assert rest == [
        "1 cells in both runs: 1 regression",
        "1 only in A: ptreclaim-6.12/minimal/benign/hole-punch",
        "1 only in B: ptreclaim-6.12/minimal/benign/new",
    ]


def test_surroundings_name_what_differs_and_nothing_else() -> None:
    assert surroundings(header(A), header(B, PATCHED)) == [
        f"A {A}",
        f"B {B}",
        "ptreclaim-6.12: patches aaaaaaaa→bbbbbbbb, source unchanged",
    ]
    moved = header(B, host={"id": "h2", "name": "there"}, accel={"kind": "kvm"}, guests={"minimal": {"key": "g2"}})
    assert surroundings(header(A), moved)[2:] == [
        "ptreclaim-6.12: nothing: the same kernel, guest and kind of host",
        "guests: minimal g1→g2",
        "host: here (h1)→there (h2)",
        "accelerator: tcg→kvm",
    ]


def test_runs_of_before_hosts_had_an_id_can_be_compared() -> None:
    assert surroundings(header(A, host={"cpus": 2}), header(B, host={"cpus": 2}))[2:] == [
        "ptreclaim-6.12: nothing: the same kernel, guest and kind of host"
    ]


def test_json_has_each_judgement_with_its_runs() -> None:
    told = compare_json(CELLS[0])
    assert (told["was"], told["now"], told["kind"]) == ("pass", "pass", "regression")
    by_metric = {each["metric"]: each for each in told["judgements"]}
    assert by_metric["after.left_over.pte"]["first_bad"] == B
    assert by_metric["verdict"]["kind"] == "same"
