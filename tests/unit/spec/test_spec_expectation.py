# SPDX-License-Identifier: GPL-2.0-only
"""Expectations: the grammar, and metrics that somebody measures."""

import pytest

from testbed.spec import METRICS, split_metric
from testbed.spec.expectation import parse_expectation

PHASES = ("start", "peak", "after")


@pytest.mark.parametrize("op", ["<=", ">=", "==", "<", ">"])
@pytest.mark.parametrize("space", ["", " ", "  "])
def test_a_metric_is_compared_with_a_number(op: str, space: str) -> None:
    found = parse_expectation(f"after.left_over.pte{space}{op}{space}16", PHASES, "a.yaml:3")
    assert (found.metric, found.op, found.value, found.factor, found.other) == (
        "after.left_over.pte",
        op,
        16,
        None,
        None,
    )
    assert found.where == "a.yaml:3"


@pytest.mark.parametrize("text", ["after.vmpte_kb >= 0.9 * peak.vmpte_kb", "after.vmpte_kb>=0.9*peak.vmpte_kb"])
def test_a_metric_is_compared_with_a_share_of_another(text: str) -> None:
    found = parse_expectation(text, PHASES, "")
    assert (found.op, found.value, found.factor, found.other) == (">=", None, 0.9, "peak.vmpte_kb")


def test_whole_numbers_stay_whole_so_that_a_reason_reads_as_written() -> None:
    assert repr(parse_expectation("after.needed <= 16", PHASES, "").value) == "16"
    assert repr(parse_expectation("exit.status == -1", PHASES, "").value) == "-1"


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_can_be_named_in_every_phase(name: str) -> None:
    for phase in PHASES:
        assert parse_expectation(f"{phase}.{name} <= 0.5 * {phase}.{name}", PHASES, "").other == f"{phase}.{name}"
        assert split_metric(f"{phase}.{name}") == (phase, name)


@pytest.mark.parametrize(
    "text",
    ["", "after.needed", "after.needed <= ", "<= 3", "after.needed != 3", "after.needed = 3", "after.needed <= 3 kB",
     "after.needed <= peak.needed", "after.needed <= 2 * 3", "after.needed <= 3 * ", "after.needed <= 1e3",
     "3 <= after.needed", "after.needed <= 3; peak.needed <= 3", "needed <= 3", "after..needed <= 3"],
)  # fmt: skip
def test_what_is_no_comparison_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot read the expectation .*; write 'METRIC OP NUMBER' or"):
        parse_expectation(text, PHASES, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("after.vmpte <= 3", "unknown metric 'vmpte'; did you mean 'vmpte_kb'?"),
        ("after.left_over <= 3", "unknown metric 'left_over'; did you mean 'left_over_kb'?"),
        ("pressed.needed <= 3", "phase 'pressed' of 'pressed.needed' is not in phases: start, peak, after"),
        ("after.needed <= 2 * pek.needed", "phase 'pek' of 'pek.needed' is not in phases"),
        ("exit.code == 0", "unknown metric 'exit.code'; of the exit only exit.status and exit.oom_kill are known"),
    ],
)
def test_a_metric_that_nobody_measures_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_expectation(text, PHASES, "")
    assert str(caught.value).startswith(message)
