# SPDX-License-Identifier: GPL-2.0-only
"""Bugs beside scenarios on the command line."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from testbed.cli import scenario
from testbed.cli.app import app
from testbed.run.newbug import new_bug

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This checkout, with one scenario and one bug."""
    for name in ("kernel", "guests"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "scenarios/benign").mkdir(parents=True)
    shutil.copy(ROOT / "scenarios/benign/dontneed-loop.yaml", tmp_path / "scenarios/benign/loop.yaml")
    new_bug(tmp_path, "bugs/lost")
    monkeypatch.setattr(scenario, "checkout_root", lambda: tmp_path)
    return tmp_path


def tb(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["scenario", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_bugs_are_listed_after_scenarios_with_their_titles() -> None:
    code, told = tb("list", "--json")
    lines = [json.loads(line) for line in told.splitlines()]
    listed = lines[0] if isinstance(lines[0], list) else lines
    assert code == 0
    assert listed[-1] == {"name": "bugs/lost", "kind": "bug", "source": "Say here in one line what goes wrong"}


def test_the_file_of_a_bug_is_shown(checkout: Path) -> None:
    assert tb("show", "bugs/lost") == (0, (checkout / "scenarios/bugs/lost.yaml").read_text())


def test_a_bug_file_is_checked_as_one(checkout: Path) -> None:
    file = checkout / "scenarios/bugs/lost.yaml"
    assert tb("check", file) == (0, f"{file}: ok (bugs/lost)\n")
    file.write_text(file.read_text().replace("vanilla-6.12: reproduced", "vanilla-6.12: seen"))
    code, told = tb("check", file)
    assert code == 2
    assert "scenarios/bugs/lost.yaml:17: vanilla-6.12: must be 'reproduced' or 'gone', not the text 'seen'" in told


def test_a_new_bug_is_begun_beside_the_others(checkout: Path) -> None:
    code, told = tb("new", "bugs/found")
    assert code == 0
    assert told.split() == [str(checkout / "scenarios/bugs" / name) for name in ("found.c", "found.yaml")]
