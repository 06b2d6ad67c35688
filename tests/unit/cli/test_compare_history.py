# SPDX-License-Identifier: GPL-2.0-only
"""``tb compare`` and ``tb history`` on real folders and a real database."""

import json
from pathlib import Path
from typing import Any

import pytest
from historic import header, record
from typer.testing import CliRunner

from testbed.cli.app import app
from testbed.errors import SpecError
from testbed.store.folder import RunFolder
from testbed.store.history import open_history

PATCHED = {"ptreclaim-6.12": {"key": "k2", "patchset_hash": "b" * 64, "source_version": "6.12.117-1"}}
KERNEL = {"name": "ptreclaim-6.12", **PATCHED["ptreclaim-6.12"]}


def write(out: Path, run: str, *records: dict[str, Any], **changed: Any) -> RunFolder:
    folder = out / run
    (folder / "cells").mkdir(parents=True)
    cells = [each["cell"] for each in records]
    (folder / "run.json").write_text(json.dumps(header(run, cells=cells, **changed)))
    (folder / "results.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    return RunFolder.open(folder)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three nights and their history: the last one leaks."""
    nights = [write(tmp_path, f"2026112{day}T010000Z", record(f"2026112{day}T010000Z", left_over=0)) for day in (1, 2)]
    run = "20261123T010000Z"
    nights.append(write(tmp_path, run, record(run, left_over=512, kernel=KERNEL), kernels=PATCHED))
    with open_history(f"sqlite:///{tmp_path}/history.sqlite") as history:
        for night in nights:
            history.import_run(night)
    return tmp_path


def tb(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_compare_exits_1_where_the_second_run_is_worse(out: Path) -> None:
    code, text = tb("compare", "20261121T010000Z", "20261123T010000Z", "--out", str(out))
    assert code == 1
    assert "REGRESSION ptreclaim-6.12/minimal/benign/dontneed-loop: after.left_over.pte 512, was 0 in 1 run" in text
    assert "patches aaaaaaaa→bbbbbbbb" in text


def test_compare_exits_0_where_it_is_not(out: Path) -> None:
    code, text = tb("compare", str(out / "20261123T010000Z"), str(out / "20261122T010000Z"))
    assert code == 0
    assert "IMPROVEMENT" in text
    assert tb("compare", "20261121T010000Z", "20261122T010000Z", "--out", str(out))[0] == 0


def test_compare_gives_a_line_of_json_for_each_cell(out: Path) -> None:
    _, text = tb("compare", "20261121T010000Z", "20261123T010000Z", "--out", str(out), "--json")
    (cell,) = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert cell["kind"] == "regression"


def test_run_is_not_compared_with_itself(out: Path) -> None:
    with pytest.raises(SpecError, match="name two runs"):
        tb("compare", "20261121T010000Z", str(out / "20261121T010000Z"), "--out", str(out))


def test_runs_that_have_no_cell_in_common_are_not_called_alike(out: Path) -> None:
    run = "20261124T010000Z"
    write(out, run, record(run, scenario="benign/hole-punch"))
    with pytest.raises(SpecError, match="no scenario, kernel and guest in common"):
        tb("compare", "20261121T010000Z", run, "--out", str(out))


def test_history_shows_runs_and_what_is_open(out: Path) -> None:
    code, text = tb("history", "--db", f"sqlite:///{out}/history.sqlite")
    lines = text.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines[1:4]] == [f"2026112{day}T010000Z" for day in (1, 2, 3)]
    assert lines[4].startswith("REGRESSION ptreclaim-6.12/minimal/benign/dontneed-loop: after.left_over.pte 512")
    assert "first bad 20261123T010000Z, last good 20261122T010000Z" in lines[4]
    assert "between: patches aaaaaaaa→bbbbbbbb, source unchanged" in lines[4]


def test_history_of_the_newest_runs_alone(out: Path) -> None:
    _, text = tb("history", "--db", f"sqlite:///{out}/history.sqlite", "--last", "1")
    assert "2 older runs are not shown" in text
    assert "no regression is open" in text


def test_history_of_a_pattern_shows_series(out: Path) -> None:
    db = ("--db", f"sqlite:///{out}/history.sqlite")
    _, text = tb("history", *db, "--metric", "after.left_*")
    assert "  ▁▁│█  0 0 │ 512\n  regression: after.left_over.pte 512, was 0 in 2 runs" in text
    _, told = tb("history", *db, "--scenario", "benign/*", "--json")
    assert {json.loads(line)["metric"] for line in told.splitlines()} == {
        "after.left_over.pte",
        "after.vmpte_kb",
        "start_s",
        "verdict",
        "wall_s",
    }


def test_history_as_json_has_runs_and_regressions(out: Path) -> None:
    _, text = tb("history", "--db", f"sqlite:///{out}/history.sqlite", "--json")
    told = [json.loads(line) for line in text.splitlines()]
    assert [each["type"] for each in told] == ["run", "run", "run", "regression", "regression"]
    assert told[-1]["first_bad"] == "20261123T010000Z"


def test_pattern_that_nothing_fits_is_said(out: Path) -> None:
    with pytest.raises(SpecError, match="no series in history is like that"):
        tb("history", "--db", f"sqlite:///{out}/history.sqlite", "--kernel", "nothing*")


@pytest.mark.parametrize("empty", [False, True])
def test_database_that_is_not_there_is_not_made(tmp_path: Path, empty: bool) -> None:
    file = tmp_path / "none.sqlite"
    if empty:
        file.touch()
    with pytest.raises(SpecError, match="there is no such database"):
        tb("history", "--db", f"sqlite:///{file}")
    assert not file.exists() or file.stat().st_size == 0


def test_database_without_runs_is_said(tmp_path: Path) -> None:
    with open_history(f"sqlite:///{tmp_path}/history.sqlite"):
        pass
    with pytest.raises(SpecError, match="no runs are in it yet"):
        tb("history", "--db", f"sqlite:///{tmp_path}/history.sqlite")
