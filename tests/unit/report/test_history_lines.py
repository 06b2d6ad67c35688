# SPDX-License-Identifier: GPL-2.0-only
"""What ``tb history`` prints: series as lines, what is open, and the signs that stand for values."""

from historic import point, series

from testbed.judge.trend import VERDICT
from testbed.report.history import flaky, judgements, open_regressions, series_json, series_lines
from testbed.report.sparkline import sparkline, verdict_line

LEFT = "after.left_over.pte"
CELL = "ptreclaim-6.12/minimal/benign/dontneed-loop"


def leak(nights: int = 2) -> list[float]:
    return [0.0, 8.0, 0.0, *[512.0] * nights]


def test_sparkline_spans_least_to_most_and_marks_changes() -> None:
    assert sparkline([0, 0, 7, 3.5], {2}) == "▁▁│█▅"
    assert sparkline([5, 5, 5]) == "▁▁▁"
    assert sparkline([0, None, 1]) == "▁·█"
    assert sparkline([]) == ""


def test_verdicts_are_letters() -> None:
    words = ("pass", "gap", "done", "skip", "flake", "error", "fail", "hang", "crash")
    assert verdict_line([point(at, None, verdict=word) for at, word in enumerate(words)], {6}) == "+~=-?e│FHC"


def test_series_shows_signs_numbers_and_the_judgement() -> None:
    points = [point(at, value, kernel_key=f"k{at}") for at, value in enumerate(leak())]
    head, values, judgement = series_lines(series(LEFT, points))
    assert head == f"{CELL} {LEFT} (5 runs, run-000 to run-004)"
    assert values == "  ▁│▁│▁│██  0 │ 8 │ 0 │ 512 512"
    assert judgement.startswith("  regression: after.left_over.pte 512, was 0 in 2 runs")
    assert "first bad run-003, last good run-002" in judgement


def test_long_series_shows_its_newest_numbers_and_all_signs() -> None:
    _, values, _ = series_lines(series(LEFT, [point(at, float(at % 2)) for at in range(40)]))
    signs, _, numbers = values.strip().partition("  ")
    assert len(signs) == 40
    assert numbers == "… " + "0 1 " * 5 + "0 1"


def test_metric_that_is_not_judged_is_shown_without_judgement() -> None:
    told = series("after.needed", [point(0, 5)])
    assert len(list(series_lines(told))) == 2
    assert series_json(told)["judgement"] is None


def test_open_regressions_are_a_line_a_cell() -> None:
    points = [point(at, value, kernel_key=f"k{at // 3}") for at, value in enumerate(leak(9))]
    held = [point(at, 4 * value, kernel_key=f"k{at // 3}") for at, value in enumerate(leak(9))]
    (line,) = open_regressions(judgements([series(LEFT, points), series("after.vmpte_kb", held)]))
    assert line.startswith(f"REGRESSION {CELL}: after.left_over.pte 512, was 0 to 8")
    assert line.endswith("also after.vmpte_kb 2,048 (was 32)")


def test_failure_of_long_ago_is_told_with_last_pass_and_first_fail() -> None:
    points = [point(at, None, verdict="pass" if at < 3 else "fail", kernel_key=f"k{at // 3}") for at in range(50)]
    (line,) = open_regressions(judgements([series(VERDICT, points)]))
    assert "fail since run-003 (last pass run-002, first fail run-003); between: " in line


def test_flaky_cells_are_told_with_their_rate() -> None:
    points = [point(at, None, verdict="flake" if at == 3 else "pass") for at in range(10)]
    assert flaky(judgements([series(VERDICT, points)])) == [
        f"FLAKY {CELL}: 10 % of its last runs (30 at most) failed with a kernel that passes as well"
    ]
    steady = [point(at, None, verdict="flake" if at == 3 else "pass") for at in range(25)]
    assert flaky(judgements([series(VERDICT, steady)])) == []
