# SPDX-License-Identifier: GPL-2.0-only
import pytest
from run_records import FLAKE, cell

from testbed.report.evidence import evidence
from testbed.report.reason import attempt_of, printable, reason_of


def test_reason_of_a_cell_that_was_run_twice_begins_with_how_it_ended_first():
    record = cell(verdict="flake", reason="after.x 0 <= 0", first=FLAKE)
    assert reason_of(record) == "first crash: oops: BUG in pte_free; run again: after.x 0 <= 0"


def test_record_of_a_version_that_ran_each_cell_once_has_its_own_reason():
    record = cell(reason="after.x 0 <= 0")
    del record["first"]
    assert reason_of(record) == "after.x 0 <= 0"


def test_reason_that_tells_of_the_first_attempt_already_is_left_alone():
    reason = "pass when run again: after.x 0; at first crash: oops: BUG in pte_free"
    assert reason_of(cell(verdict="flake", reason=reason, first=FLAKE)) == reason


@pytest.mark.parametrize(("verdict", "console"), [("flake", "Oops: 0002"), ("crash", "Oops: 0003")])
def test_evidence_is_of_the_attempt_that_the_verdict_is_about(tmp_path, verdict, console):
    (tmp_path / "first").mkdir()
    (tmp_path / "first/console.log").write_text("Oops: 0002\n")
    (tmp_path / "console.log").write_text("Oops: 0003\n")
    lines = evidence(tmp_path, cell(verdict=verdict, first=FLAKE))
    assert lines[1:2] == [f"  console: {console}"]
    assert not any("Oops" in line for line in lines[2:])


def test_evidence_of_a_flake_begins_with_how_it_ended_first(tmp_path):
    assert "flake: first crash: oops: BUG" in evidence(tmp_path, cell(verdict="flake", first=FLAKE))[0]


@pytest.mark.parametrize("number", [1, 12])
def test_attempt_is_the_number_behind_the_last_hash(number):
    assert attempt_of(cell(label="benign/x:way=a#b", number=number)) == number


def test_only_what_cannot_be_shown_is_escaped():
    assert printable("é \\ # ünï") == "é \\ # ünï"
    assert printable("a\nb\x1b\u2028\ud800") == r"a\nb\x1b\u2028\ud800"
