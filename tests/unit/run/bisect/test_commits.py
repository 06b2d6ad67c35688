# SPDX-License-Identifier: GPL-2.0-only
"""A real git tree with a merge is searched by git's own rules."""

import os
import subprocess
from pathlib import Path

import pytest
from lucky import SUBJECT

from testbed.build import silent
from testbed.errors import SpecError
from testbed.judge.linesearch import Found, Lost
from testbed.run.bisect.commits import clone_of, commit_ground
from testbed.spec import GitSource

WHO = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Tree:
    """``m1 m2 m3 m4 merge m5 m6``, where the merge brings ``s1 s2 s3 s4``, which came off m2; ``x1`` is off m3."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")
        self.commits("m1", "m2")
        self.git("checkout", "-q", "-b", "side")
        self.commits("s1", "s2", "s3", "s4")
        self.git("checkout", "-q", "main")
        self.commits("m3")
        self.git("checkout", "-q", "-b", "other")
        self.commits("x1")
        self.git("checkout", "-q", "main")
        self.commits("m4")
        self.git("merge", "-q", "--no-ff", "side", "-m", "merge")
        self.commits("m5", "m6")

    def git(self, *words: str) -> str:
        env = {**os.environ, **WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        argv = ["git", "-C", str(self.path), *words]
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True).stdout.strip()

    def commits(self, *names: str) -> None:
        for name in names:
            self.git("commit", "-q", "--allow-empty", "-m", name)
            self.git("tag", name)

    def id(self, name: str) -> str:
        return self.git("rev-parse", f"{name}^{{commit}}") if name != "merge" else self.git("rev-parse", "m5^")

    def name(self, commit: str) -> str:
        return self.git("log", "-1", "--format=%s", commit)

    def has(self, commit: str, first_bad: str) -> bool:
        argv = ["git", "-C", str(self.path), "merge-base", "--is-ancestor", self.id(first_bad), commit]
        return subprocess.run(argv, check=False).returncode == 0


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Tree:
    return Tree(tmp_path_factory.mktemp("git") / "tree")


@pytest.fixture
def ground(tree, tmp_path):
    clone = clone_of(str(tree.path), tmp_path, silent)
    return lambda good="m1", bad="m6": commit_ground(clone, str(tree.path), SUBJECT, good, bad)


def searched(tree, ground, first_bad, skips=(), broken=None):
    search = ground.strategy
    known = {search.bad_end: "bad", search.good_end: "good"}
    asked = []
    while isinstance(chosen := search.next(known), str):
        name = tree.name(chosen)
        assert name not in asked
        asked.append(name)
        has = broken(name) if broken else tree.has(chosen, first_bad)
        known[chosen] = "skip" if name in skips else "bad" if has else "good"
    if isinstance(chosen, Found):
        names = lambda commits: tuple(map(tree.name, commits))  # noqa: E731
        return Found(tree.name(chosen.first_bad), names(chosen.last_good), names(chosen.between)), asked
    return chosen, asked


@pytest.mark.parametrize(
    "first_bad, last_good",
    [
        ("m2", ("m1",)),
        ("s1", ("m2",)),
        ("s3", ("s2",)),
        ("m4", ("m3",)),
        ("m5", ("merge",)),
        ("m6", ("m5",)),
    ],
)
def test_each_commit_of_both_branches_is_found(tree, ground, first_bad, last_good):
    found, asked = searched(tree, ground(), first_bad)
    assert found.first_bad == first_bad
    assert found.between == ()
    # the parent itself, or one that has it in it
    assert all(
        good == parent or tree.has(tree.id(good), parent)
        for good, parent in zip(found.last_good, last_good, strict=True)
    )
    assert len(asked) <= 5


def test_merge_that_brings_the_bug_has_evidence_of_both_its_parents(tree, ground):
    found, _ = searched(tree, ground(), "merge")
    assert found == Found("merge", ("m4", "s4"))


def test_commits_that_cant_be_told_are_between(tree, ground):
    found, _ = searched(tree, ground(), "s3", {"s2", "s3"})
    assert (found.first_bad, found.between) == ("s4", ("s2", "s3"))
    assert tree.has(tree.id(found.last_good[0]), "s1")


def test_skip_elsewhere_does_not_blur_the_answer(tree, ground):
    found, asked = searched(tree, ground(), "s4", {"merge", "m4"})
    assert (found.first_bad, found.last_good, found.between) == ("s4", ("s3",), ())
    assert len(asked) <= 6


def test_good_end_beside_the_bad_one_has_their_merge_base_looked_at(tree, ground):
    found, asked = searched(tree, ground(good="x1"), "s2")
    assert asked[0] == "m3"
    assert found.first_bad == "s2"
    lost, _ = searched(tree, ground(good="x1"), "", broken=lambda name: name == "m3")
    assert isinstance(lost, Lost)
    assert lost.reason.endswith(f"{tree.id('x1')[:12]}, which has it in it, has not")


def test_candidate_is_the_kernel_with_the_commit_as_source_and_nothing_on_top(tree, ground):
    made = ground().candidate(tree.id("s2"))
    kernel = made.subject.kernel
    assert kernel.source == GitSource(str(tree.path), tree.id("s2"))
    assert (kernel.series, kernel.patches) == (None, ())
    assert kernel.fragments == SUBJECT.kernel.fragments
    assert kernel.name == f"vanilla-6.12~{tree.id('s2')[:12]}"
    assert made.name == f"{tree.id('s2')[:12]} (s2)"


def test_steps_that_are_left_fall_with_each_answer(tree, ground):
    search = ground().strategy
    known = {search.bad_end: "bad", search.good_end: "good"}
    assert search.left(known) == 4
    known[search.next(known)] = "bad"
    assert search.left(known) < 4


def test_what_is_wrong_with_tree_or_revision_is_told_in_one_line(tree, ground, tmp_path):
    with pytest.raises(SpecError, match=r"^--good nowhere: no commit of that name there$"):
        ground(good="nowhere")
    with pytest.raises(SpecError, match="one and the same commit"):
        ground(good="m6")
    with pytest.raises(SpecError, match=r"^--git /nowhere: can't be cloned: .*does not exist"):
        clone_of("/nowhere", tmp_path / "x", silent)


def test_tree_of_the_user_is_left_as_it_was(tree, ground):
    before = sorted(path.name for path in (tree.path / ".git").iterdir())
    searched(tree, ground(), "s3")
    assert sorted(path.name for path in (tree.path / ".git").iterdir()) == before
