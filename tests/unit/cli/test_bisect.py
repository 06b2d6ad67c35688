# SPDX-License-Identifier: GPL-2.0-only
"""``tb bisect`` and ``tb minimise``: exit codes, and what is refused before anything starts."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from lucky import LuckyTrials, from_kernel, kernels
from made_bugs import ROOT
from typer.testing import CliRunner

from testbed.cli import bisect as command
from testbed.cli.app import app
from testbed.errors import HostError, SpecError
from testbed.run.bisect.log import NAME
from testbed.store.folder import RunFolder

BUG = """\
title: It leaks
report: nowhere
scenario: benign/dontneed-loop
kernel: vanilla-6.12
signature:
  - metric: after.left_over.pte > 100
"""


class Opened(SimpleNamespace):
    """Stands in for trials in an open run."""

    def __call__(self, *words):
        return self.lucky(*words)


@pytest.fixture
def bug(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    path = tmp_path / "leak.yaml"
    path.write_text(BUG)
    return str(path)


@pytest.fixture
def trials(tmp_path, monkeypatch):
    """Trials of which none boots anything, on a line of twelve kernels."""
    lucky = LuckyTrials(from_kernel(9, 1.0))

    @contextmanager
    def opened(root, bug, folder, *_):
        folder = folder if isinstance(folder, RunFolder) else RunFolder.create(folder, {"cells": []})
        within = SimpleNamespace(finished=lambda _, subject: lucky.kept(subject))
        yield Opened(folder=folder, bug=bug, within=within, lucky=lucky)

    @contextmanager
    def ground(root, bug, over, progress):
        yield kernels(12), over

    monkeypatch.setattr(command, "open_trials", opened)
    monkeypatch.setattr(command, "reopen_trials", opened)
    monkeypatch.setattr(command, "open_ground", ground)
    monkeypatch.setattr(command, "facts_of", lambda *_: {})
    return lucky


def ran(*words):
    return CliRunner().invoke(app, ["bisect", *map(str, words)])


def test_found_is_exit_0_and_is_told_again_when_gone_on_with(bug, trials, tmp_path):
    done = ran(bug, "--out", tmp_path / "runs")
    assert done.exit_code == 0, done.output
    assert "first bad of kernels: patch 9" in done.output
    attempts = len(trials.disk)
    (run,) = (tmp_path / "runs").iterdir()
    again = ran(bug, "--out", tmp_path / "runs", "--resume", run.name)
    assert again.exit_code == 0, again.output
    assert "first bad of kernels: patch 9" in again.output
    assert len(trials.disk) == attempts


def test_not_found_is_exit_1_and_an_end_that_cant_be_judged_exit_3(bug, trials, tmp_path):
    trials.rate = lambda subject: 0.0
    done = ran(bug, "--out", tmp_path, "--attempts", "3")
    assert done.exit_code == 1
    assert "not found: the bad end, patch 12, does not show the bug: 0 of 3 runs" in done.output
    trials.unusable = {"k~12": "gcc: error: no room"}
    assert ran(bug, "--out", tmp_path).exit_code == 3


@pytest.mark.parametrize("error, code", [(KeyboardInterrupt(), 130), (HostError("the disk is full"), 3)])
def test_whatever_ends_it_early_leaves_a_log_and_says_how_to_go_on(bug, trials, tmp_path, error, code):
    def rate(subject):
        if subject.kernel.name == "k~06":
            raise error
        return from_kernel(9, 1.0)(subject)

    trials.rate = rate
    done = ran(bug, "--out", tmp_path / "runs")
    (run,) = (tmp_path / "runs").iterdir()
    assert done.exit_code == code
    assert f"go on with: ./tb bisect {bug} --resume {run}" in done.output
    assert len((run / NAME).read_text().splitlines()) == 3
    trials.rate = from_kernel(9, 1.0)
    assert ran(bug, "--resume", run).exit_code == 0


@pytest.mark.parametrize(
    "words, told",
    [
        (["--alpha", "2"], "--alpha 2.0: is a probability between 0 and 1"),
        (["--git", "x"], "--git: name the ends"),
        (["--series", "ptreclaim-6.12", "--guest", "a", "b"], "--series and --guest: a bisection is over one thing"),
        (["--resume", "x", "--series", "y"], "--series: a bisection is gone on with as it began"),
        (["--resume", "no-such-run"], "no-such-run: no run of that name"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_starts(bug, tmp_path, words, told):
    done = ran(bug, "--out", tmp_path / "runs", *words)
    assert isinstance(done.exception, SpecError)
    assert str(done.exception).startswith(told)
    assert not (tmp_path / "runs").exists()


def test_kernel_without_patches_is_refused_with_what_can_be_searched_instead(bug, tmp_path):
    done = ran(bug, "--out", tmp_path / "runs")
    assert "kernel vanilla-6.12 has no patches to search" in str(done.exception)
    assert not (tmp_path / "runs").exists()


def test_log_of_another_bug_is_refused(bug, trials, tmp_path):
    assert ran(bug, "--out", tmp_path / "runs").exit_code == 0
    (run,) = (tmp_path / "runs").iterdir()
    other = tmp_path / "other.yaml"
    other.write_text(BUG)
    done = ran(other, "--resume", run)
    assert "this is a bisection of bugs/leak, and not of bugs/other" in str(done.exception)


def test_file_that_a_smaller_bug_would_go_to_is_looked_at_first(bug):
    for out, told in (
        (bug, "is there already"),
        ("/nowhere/x.yaml", "a folder that exists"),
        ("x.txt", "a .yaml file"),
    ):
        done = CliRunner().invoke(app, ["minimise", bug, "--out", out])
        assert told in str(done.exception)
