# SPDX-License-Identifier: GPL-2.0-only
"""What the HTML report is made from: limits, curves, texts of guests, costs, suites, history."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from report_run import HOSTILE, OURS, THEIRS, VANILLA, drifts, make_run, record, write_grades

from testbed.judge.expect import holds
from testbed.judge.regression import excused
from testbed.report.html.cells import details, line
from testbed.report.html.checks import checks
from testbed.report.html.costs import costs
from testbed.report.html.curves import curve, samples
from testbed.report.html.grades import grades
from testbed.report.html.head import head
from testbed.report.html.history import judged_series
from testbed.report.html.suites import suites
from testbed.report.html.text import fit, tail
from testbed.spec.expectation import parse_expectation


@pytest.mark.parametrize(
    ("text", "left", "limit", "met"),
    [
        ("after.left_over.pte <= 16", 12, 16, True),
        ("after.left_over.pte <= 0.02 * peak.tables.pte", 900, 385.2, False),
        ("after.left_over.pte >= 0.9 * peak.tables.pte", 19_000, 17_334, True),
        ("after.left_over.pte <= 0.5", 2e9, 0.5, False),
    ],
)
def test_a_limit_is_read_back_as_the_judge_wrote_it(text: str, left: float, limit: float, met: bool) -> None:
    phases = {"after": {"left_over": {"pte": left}}, "peak": {"tables": {"pte": 19_260}}}
    reason = holds(parse_expectation(text, ("peak", "after"), "x:1"), phases, {}).text
    [found] = checks(f"first.metric 1 == 1; {reason}")[1:]
    assert (found["metric"], found["value"], found["met"]) == ("after.left_over.pte", left, met)
    assert found["limit"] == pytest.approx(limit)


@pytest.mark.parametrize("reason", ["", "measured, nothing expected", "a 1.2.3 <= 4", HOSTILE, "peak.x . <= ."])
def test_a_reason_without_numbers_has_no_limits(reason: str) -> None:
    assert checks(reason) == []


def test_a_sample_of_a_peak_is_kept_when_samples_are_thinned() -> None:
    told = [{"type": "sample", "t": at / 10, "counters": {"vmpte_kb": 9999 if at == 3333 else 8}} for at in range(9000)]
    drawn = curve(told)["lines"]["vmpte_kb"]
    assert len(drawn) < 1000
    assert [333.3, 9999] in drawn
    assert drawn == sorted(drawn)


def test_samples_of_an_old_run_have_phases_and_no_times() -> None:
    told = [{"type": "phase", "phase": "peak", "pid": 3, "counters": {"vmpte_kb": 8}}, {"type": "value", "value": 1}]
    assert curve(told) == {"phases": [{"name": "peak", "t": None, "vmpte_kb": 8}], "lines": {}}


def test_what_a_guest_may_write_instead_of_samples_is_left_out(tmp_path: Path) -> None:
    lines = ['{"type":"phase","phase":1,"counters":{"vmpte_kb":NaN}}', "torn", "[]", '{"type":"sample","counters":7}']
    (tmp_path / "samples.jsonl").write_text(
        "\n".join([*lines, '{"type":"sample","t":1e999,"counters":{"vmpte_kb":1}}', ""])
    )
    assert curve(samples(tmp_path)) == {"phases": [{"name": "1", "t": None}], "lines": {}}
    assert samples(tmp_path / "nowhere") == []


def test_a_text_of_a_guest_has_nothing_left_that_acts() -> None:
    assert fit({"a\x07": ["\x1b[2J", "\u202ex", "a\r\nb\rc", "\ud800"]}) == {
        "a\u2407": ["\u241b[2J", "<U+202E>x", "a\nb\u240dc", "<U+D800>"]
    }
    assert fit([float("nan"), float("inf"), 10**400, 1.5, True, None]) == [None, None, None, 1.5, True, None]


def test_of_a_long_log_the_end_is_shown_from_a_whole_line_on(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("".join(f"line {number}\n" for number in range(1000)))
    text, cut = tail(tmp_path / "log", 25)
    assert text == "line 998\nline 999\n"
    assert cut == (tmp_path / "log").stat().st_size - len(text)
    assert tail(tmp_path / "none", 25) == ("", 0)


def test_a_cell_without_a_folder_still_shows_its_record(tmp_path: Path) -> None:
    made = details(record(OURS, "benign/loop", phases={"peak": {"vmpte_kb": 8}}), tmp_path / "gone")
    assert made["phases"]["peak"]["vmpte_kb"] == 8
    assert made["logs"] == []


def test_a_failure_that_the_baseline_has_too_is_not_unexpected(tmp_path: Path) -> None:
    records = make_run(tmp_path).records()
    forgiven = excused(records)
    bad = {made["cell"] for made in records if line(made, forgiven)["bad"]}
    assert bad == {
        f"{OURS}/minimal/benign/loop#1",
        f"{OURS}/minimal/malicious/evil#1",
        f"{OURS}/minimal/suites/mm:test=cow#1",
    }


def test_a_suite_says_which_test_became_worse(tmp_path: Path) -> None:
    records = make_run(tmp_path).records()
    [made] = suites(records, excused(records))
    assert [(one["test"], one["subtest"]) for one in made["differences"] if one["worse"]] == [
        ("cow", None),
        ("cow", "b"),
    ]
    assert made["baseline"] == VANILLA


def test_costs_stand_by_operation_and_kernel(tmp_path: Path) -> None:
    [made] = costs(make_run(tmp_path).records())
    assert [column["kernel"] for column in made["columns"]] == [VANILLA, OURS, THEIRS]
    assert [row["operation"] for row in made["rows"]] == ["fault", "rounds"]
    assert made["rows"][0]["costs"][1]["within"] is True


def test_costs_of_an_operation_that_one_kernel_did_not_run_are_missing_there(tmp_path: Path) -> None:
    records = [made for made in make_run(tmp_path).records() if made.get("costs")]
    del records[1]["costs"]["rounds"]
    [made] = costs(records)
    assert made["rows"][1]["costs"][1] is None


def test_the_head_names_cells_that_were_not_run(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    made = head(folder.header(), folder.records())
    assert made["not_run"] == [f"{OURS}/minimal/benign/later#1"]
    assert made["argv"] == "testbed run 'quick & more'"
    assert made["at"] == "2026-11-24T02:00:00+00:00"


def test_regressions_come_first_in_history() -> None:
    made = judged_series(drifts())
    assert [series["kind"] for series in made["series"]] == ["regression", "same"]
    assert made["kinds"] == {"regression": 1, "same": 1}
    worse = made["series"][0]
    assert made["words"][worse["bad"][0]] == "20261105T020000Z"
    assert worse["changes"] == [4]


def test_of_a_long_series_the_newest_points_are_kept_and_changes_point_at_them() -> None:
    [(_, _), (series, drift)] = drifts()
    many = replace(series, points=series.points[:1] * 300 + series.points)
    made = judged_series([(many, replace(drift, changes=(2, 304)))])["series"][0]
    assert len(made["points"]) == 150
    assert made["points"][made["changes"][0]][2] == 6384.0


def test_a_series_that_is_steady_is_kept_only_if_it_is_of_a_chief_metric() -> None:
    [(series, drift), _] = drifts()
    odd = replace(series, key=replace(series.key, metric="after.entries.anon"))
    made = judged_series([(series, drift), (odd, drift)])
    assert (made["of"], len(made["series"])) == (2, 1)


def test_details_can_be_written_as_json(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    for made in folder.records():
        json.dumps(fit(details(made, folder.cell(made["cell"]))), allow_nan=False)


def test_bugs_of_a_run_have_their_grades_and_a_run_without_bugs_has_none(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    assert grades(folder) == []
    write_grades(folder)
    found, gone = grades(folder)
    assert found["row"][1:4] == (OURS, "reproduced 6 of 6 (54-100 %)", "reliable")
    assert (found["bad"], found["cell"]) == (True, f"{OURS}/minimal/benign/loop#1")
    assert gone["row"][2:] == ("0 of 6 (above 39 % excluded)", "never seen", "as expected")
