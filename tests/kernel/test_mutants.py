# SPDX-License-Identifier: GPL-2.0-only
"""Bugs planted in the series: each is caught, by its own sign, and without it the same scenario passes."""

import re
import shutil
from pathlib import Path

import pytest
from mutant import FOLDER, KERNEL, ROOT, Mutant, mutated, read_mutant, read_mutants, try_on

from testbed.build import silent
from testbed.build.recipe import make_recipe
from testbed.build.series import apply_series
from testbed.errors import SpecError
from testbed.spec import load_guest, load_scenario, resolve_kernel

MUTANTS = read_mutants()
CONTROLS = {(trial, trial.first): trial for mutant in MUTANTS for trial in mutant.trials}
EACH = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
NIGHT = pytest.mark.night
LONG = pytest.mark.timeout(7200)
GOOD = (FOLDER / "wrong-account.patch").read_text()


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """The source with the series applied."""
    recipe = make_recipe(ROOT, resolve_kernel(ROOT, KERNEL), silent)
    made = tmp_path_factory.mktemp("series") / "linux"
    recipe.source.place(made)
    apply_series(made, recipe.patches)
    yield made
    shutil.rmtree(made)


@EACH
def test_mutant_applies_to_the_series_with_no_fuzz(mutant: Mutant, tree: Path, tmp_path: Path):
    changed = [name for patch in mutant.patches for name in re.findall(r"^--- a/(\S+)", patch.read_text(), re.M)]
    assert changed
    for name in changed:
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / name, copy)
    apply_series(tmp_path, mutant.patches)
    assert any((tmp_path / name).read_bytes() != (tree / name).read_bytes() for name in changed)


@EACH
def test_mutant_says_what_must_catch_it_in_words_that_the_testbed_knows(mutant: Mutant):
    re.compile(mutant.sign)
    re.compile(mutant.evidence or "")
    for trial in mutant.trials:
        file = ROOT / trial.scenario
        scenario = load_scenario(ROOT, file if file.is_file() else ROOT / "scenarios" / f"{trial.scenario}.yaml")
        scenario.at("small", dict(setting.split("=") for setting in trial.settings))
        if trial.guest:
            load_guest(ROOT, trial.guest)


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("Sign: ", "Sing: ", ":8: no such field: Sing"),
        ("Why: .*", "", ":1: the header has no Why: line"),
        ("Verdict: crash", "Verdict: pass", ":1: Verdict: must be crash or fail"),
        ("Set: ", "With: none.patch\nSet: ", ":1: With: none.patch: no such file beside it"),
        ("Set: ", "no field\nSet: ", ":6: neither 'Field: text' nor"),
        ("Sign: ", "Sign: x\nSign: ", ":1: the header has Sign: twice"),
    ],
)
def test_header_that_is_wrong_is_one_line_that_says_where(was, now, told, tmp_path):
    patch = tmp_path / "wrong.patch"
    patch.write_text(re.sub(was, now, GOOD, count=1))
    with pytest.raises(SpecError) as error:
        read_mutant(patch)
    assert str(error.value).startswith(f"{patch}{told}")
    assert len(str(error.value).splitlines()) == 1


@NIGHT
@LONG
@EACH
def test_mutant_is_caught_by_its_own_sign(mutant: Mutant, tmp_path: Path):
    root = mutated(tmp_path, mutant.patches)
    for number, trial in enumerate(mutant.trials):
        caught = try_on(root, trial, tmp_path / f"runs-{number}")
        assert caught.record["verdict"] in mutant.verdicts, (str(trial), caught.record["reason"])
        assert re.search(mutant.sign, caught.told), (str(trial), caught.told)
        if mutant.evidence and caught.record["verdict"] == "crash":
            assert re.search(mutant.evidence, caught.report), caught.report


@NIGHT
@LONG
@pytest.mark.parametrize("trial", CONTROLS.values(), ids=str)
def test_without_a_mutant_the_same_passes(trial, tmp_path: Path):
    root = mutated(tmp_path, (trial.first,) if trial.first else ())
    caught = try_on(root, trial, tmp_path / "runs")
    assert caught.record["verdict"] == "pass", caught.record["reason"]
