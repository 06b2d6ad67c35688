# SPDX-License-Identifier: GPL-2.0-only
"""A bug file that was just begun."""

import subprocess
from pathlib import Path

import pytest

from testbed.errors import SpecError
from testbed.run.newbug import new_bug
from testbed.spec import load_bug

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """This checkout, without bugs."""
    for name in ("kernel", "guests"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "scenarios").mkdir()
    return tmp_path


def test_what_a_new_bug_begins_with_loads_and_compiles(checkout: Path) -> None:
    workload, spec = new_bug(checkout, "bugs/lost-page")
    bug = load_bug(checkout, spec)
    assert (bug.name, bug.programs) == ("bugs/lost-page", (workload,))
    assert [kernel.name for kernel in bug.kernels] == ["vanilla-6.12", "ptreclaim-6.12"]
    argv = ["gcc", "-std=gnu11", "-Wall", "-Werror", "-fsyntax-only", "-iquote", ROOT / "guests/workloads", workload]
    assert subprocess.run(argv, check=False).returncode == 0


def test_a_new_bug_overwrites_nothing(checkout: Path) -> None:
    new_bug(checkout, "bugs/lost-page")
    with pytest.raises(SpecError, match=r"lost-page\.c: exists already"):
        new_bug(checkout, "bugs/lost-page")
    with pytest.raises(SpecError, match=r"server-55t\.c: exists already"):
        new_bug(checkout, "bugs/server-55t")


@pytest.mark.parametrize("name", ["bugs/", "bugs/a/b", "bugs/../x", "bugs/a b"])
def test_an_odd_name_is_refused(checkout: Path, name: str) -> None:
    with pytest.raises(SpecError, match="a new bug is named bugs/NAME"):
        new_bug(checkout, name)
