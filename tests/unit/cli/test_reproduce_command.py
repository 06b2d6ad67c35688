# SPDX-License-Identifier: GPL-2.0-only
"""The command line of tb reproduce, with guests that come to what a test says."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from kcidb_io.schema import LATEST
from made_bugs import attempt, images
from typer.testing import CliRunner

from testbed.cli.app import app
from testbed.errors import HostError, SpecError
from testbed.judge.ktap import parse_ktap
from testbed.machine.accel import Accel
from testbed.run.reproduce import attempts, trials

TEXT = """\
title: Page tables are left over
report: "<1@example.org>"
scenario: benign/dontneed-loop
kernel: vanilla-6.12
signature:
  - metric: after.left_over.pte > 100
  - crash: {kind: oops}
expect:
  vanilla-6.12: reproduced
  ptreclaim-6.12: gone
"""


def answer(name: str):
    """On vanilla the bug shows by a crash at first."""
    if name.startswith("ptreclaim"):
        return attempt(name, False)
    crashed = {"sign": "oops: BUG in pte_free", "verdict": "crash", "reason": "oops: BUG in pte_free"}
    return attempt(name, True, **crashed) if name.endswith("#1") else attempt(name, True)


@pytest.fixture
def leak(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(trials, "accelerator", lambda *_: Accel("tcg", "tcg: a guest kernel booted in 1 s"))
    monkeypatch.setattr(trials, "build_guest", lambda *_: images())
    monkeypatch.setattr(trials, "build_kernel", lambda *_: images())
    monkeypatch.setattr(attempts, "run_cell", lambda job, _: answer(job.cell.name))
    path = tmp_path / "leak.yaml"
    path.write_text(TEXT)
    return path


def tb(*words: str | Path):
    done = CliRunner().invoke(app, list(map(str, words)))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def reproduce(leak: Path, *words: str):
    return tb("reproduce", leak, "--out", leak.parent / "runs", "--jobs", "1", *words)


def run_of(leak: Path) -> Path:
    (path,) = (leak.parent / "runs").iterdir()
    return path


def test_table_notes_and_summary_are_printed(leak):
    done = reproduce(leak)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split("\t") == [
        "bugs/leak",
        "vanilla-6.12",
        "reproduced 6 of 6 (54-100 %)",
        "reliable",
        "as expected",
    ]
    assert lines[1].split("\t")[2:] == ["0 of 10 (above 26 % excluded)", "never seen", "as expected"]
    assert "bugs/leak on vanilla-6.12: oops: BUG in pte_free" in lines
    assert f"  again:    ./tb reproduce {leak} --kernel vanilla-6.12 -n 10" in lines
    assert "2 as expected" in lines


def test_json_is_a_line_a_kernel_and_the_same_as_on_the_disk(leak):
    done = reproduce(leak, "--json", "-n", "2")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows == json.loads((run_of(leak) / "grades.json").read_text())
    assert [(row["kernel"], row["shown"], row["runs"]) for row in rows] == [
        ("vanilla-6.12", 2, 2),
        ("ptreclaim-6.12", 0, 2),
    ]
    assert "2 as expected" in done.stderr


def test_exit_code_is_one_where_the_bug_does_not_show(leak, monkeypatch):
    monkeypatch.setattr(attempts, "run_cell", lambda job, _: attempt(job.cell.name, False))
    done = reproduce(leak, "-k", "vanilla-6.12")
    assert done.exit_code == 1
    assert "NOT as expected: reproduced" in done.stdout


def test_exit_code_is_three_where_nothing_can_be_judged(leak, monkeypatch):
    monkeypatch.setattr(attempts, "run_cell", lambda job, _: attempt(job.cell.name, None))
    done = reproduce(leak)
    assert done.exit_code == 3
    assert "could not be judged" in done.stdout


def test_interrupted_search_says_what_is_left(leak, monkeypatch):
    def run_cell(job, _):
        if job.cell.name.startswith("ptreclaim"):
            raise KeyboardInterrupt
        return answer(job.cell.name)

    monkeypatch.setattr(attempts, "run_cell", run_cell)
    done = reproduce(leak)
    assert done.exit_code == 130
    assert "reproduced 6 of 6" in done.stdout
    assert f"not looked for any more: ./tb reproduce {leak} --kernel ptreclaim-6.12 -n 10" in done.stdout


@pytest.mark.parametrize(
    "words",
    [["-k", "nosuch-6.12"], ["--set", "span"], ["--set", "nosuch=1"], ["--accel", "magic"], ["nosuch-bug"]],
)
def test_bad_input_starts_nothing(leak, words):
    with pytest.raises(SpecError):
        reproduce(leak, *words)
    assert not (leak.parent / "runs").exists()


def test_bug_that_wants_counted_instructions_is_refused_on_kvm_before_anything_starts(leak, monkeypatch):
    leak.write_text(TEXT + "amplify: {icount: [0, 1]}\n")
    monkeypatch.setattr(trials, "accelerator", lambda *_: Accel("kvm", "kvm: a guest kernel booted in 1 s"))
    with pytest.raises(HostError, match="--accel tcg"):
        reproduce(leak)
    assert not list((leak.parent / "runs").iterdir())


def test_bug_named_twice_is_looked_for_once(leak):
    done = reproduce(leak, leak, "-n", "2")
    assert len(json.loads((run_of(leak) / "grades.json").read_text())) == 2
    assert done.exit_code == 0


def test_reports_take_such_a_run_as_any_other(leak):
    reproduce(leak)
    run, out = run_of(leak), leak.parent
    done = tb("report", run, "--junit", out / "j", "--ktap", out / "k", "--kcidb", out / "c", "--html", out / "h")
    assert done.exit_code == 0
    assert "16 cells: 15 done, 1 crash" in done.stdout
    # attempts stand as they ended, the grades below them
    assert "reproduced 6 of 6 (54-100 %)" in done.stdout
    suites = ElementTree.parse(out / "j").getroot().findall("testsuite")
    assert [(suite.get("tests"), suite.get("failures")) for suite in suites] == [("6", "1"), ("10", "0")]
    ktap = (out / "k").read_text()
    assert len(parse_ktap(ktap.split("\n")).results) == 2 + 16
    assert "not ok 1 bugs/leak # crash: oops: BUG in pte_free; shows the bug" in ktap
    assert "ok 2 bugs/leak (2) # done: " in ktap
    assert LATEST.is_valid_exactly(json.loads((out / "c").read_text()))
    assert "bugs/leak" in (out / "h").read_text()
