# SPDX-License-Identifier: GPL-2.0-only
"""Bugs planted in the series ptreclaim: each is one of the catalogue (scenarios/bugs), which says how it shows."""

import re
import shutil
from pathlib import Path

import pytest

from testbed.build import silent
from testbed.build.recipe import make_recipe
from testbed.build.series import apply_series
from testbed.spec import BugSpec, list_bugs, load_bug, resolve_kernel

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent / "mutants"
KERNEL = "ptreclaim-6.12+debug"
BUGS = [load_bug(ROOT, name) for name in list_bugs(ROOT)]
#: What is planted, by the bug that is looked for in it.
PLANTED = {
    bug.name: bug.kernels[0].patches for bug in BUGS if any(FOLDER in patch.parents for patch in bug.kernels[0].patches)
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """The source with the series applied."""
    recipe = make_recipe(ROOT, resolve_kernel(ROOT, KERNEL), silent)
    made = tmp_path_factory.mktemp("series") / "linux"
    recipe.source.place(made)
    apply_series(made, recipe.patches)
    yield made
    shutil.rmtree(made)


def test_every_patch_is_looked_for_by_a_bug_of_the_catalogue():
    assert {patch for patches in PLANTED.values() for patch in patches} == set(FOLDER.glob("*.patch"))


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bug_applies_to_the_series_with_no_fuzz(bug: str, tree: Path, tmp_path: Path):
    patches = PLANTED[bug]
    changed = [name for patch in patches for name in re.findall(r"^--- a/(\S+)", patch.read_text(), re.M)]
    assert changed
    for name in changed:
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / name, copy)
    apply_series(tmp_path, patches)
    assert any((tmp_path / name).read_bytes() != (tree / name).read_bytes() for name in changed)


def test_every_planted_bug_has_a_control():
    """It is gone on the series' own kernel, or another file expects that of the same patches without the last."""
    controls = {PLANTED[bug.name] for bug in BUGS if bug.name in PLANTED and gone(bug, bug.kernels[0].name)}
    for bug in BUGS:
        if bug.name in PLANTED and PLANTED[bug.name] not in controls:
            assert gone(bug, KERNEL) or PLANTED[bug.name][:-1] in controls, bug.where


def gone(bug: BugSpec, kernel: str) -> bool:
    outcome = bug.outcome_for(kernel)
    return outcome is not None and outcome.prospect == "gone" and not outcome.gap
