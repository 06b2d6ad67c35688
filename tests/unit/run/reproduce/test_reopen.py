# SPDX-License-Identifier: GPL-2.0-only
"""A run of attempts that was killed is opened again: what is recorded stays, what was under way is set aside."""

import json

import pytest
from made_bugs import ROOT, bug

from testbed.errors import BuildError, SpecError
from testbed.machine.accel import Accel
from testbed.run.reproduce import reopen
from testbed.run.reproduce.reopen import reopen_trials
from testbed.run.reproduce.subject import Subject
from testbed.run.reproduce.trials import How, open_trials
from testbed.spec import load_guest, resolve_kernel
from testbed.store.folder import RunFolder

LEAK = bug()
PLACE = Subject(resolve_kernel(ROOT, "vanilla-6.12"), load_guest(ROOT, "minimal"), LEAK.scenario.at("small"))

TCG = Accel("tcg", "tcg: a guest kernel booted in 1 s")


def never(grade) -> bool:
    return False


@pytest.fixture
def killed(fake, tmp_path, monkeypatch) -> RunFolder:
    """A run with two records, whose third attempt was under way and whose last line is torn."""
    monkeypatch.setattr(reopen, "accelerator", lambda *_: TCG)
    with open_trials(ROOT, LEAK, tmp_path / "runs", How(jobs=1)) as trials:
        trials(PLACE, 2, never)
    folder = trials.folder
    lost = "vanilla-6.12/minimal/bugs/leak#3"
    header = folder.header()
    folder.write_header({**header, "cells": [*header["cells"], lost], "digests": {**header["digests"], lost: "x"}})
    (folder.attempt(lost) / "console.log").write_text("half of it")
    with (folder.path / "results.jsonl").open("a") as file:
        file.write('{"cell": "van')
    folder._held.close()  # the system lets go of it when the process dies
    return RunFolder.open(folder.path)


def test_attempts_go_on_with_the_number_that_was_lost(killed, fake):
    with reopen_trials(ROOT, LEAK, killed, How(jobs=1)) as trials:
        trials(PLACE, 2, never)
    names = [f"vanilla-6.12/minimal/bugs/leak#{number}" for number in range(1, 5)]
    assert [record["cell"] for record in killed.records()] == names
    assert killed.header()["cells"] == names
    aside = killed.cell("vanilla-6.12/minimal/bugs/leak#3").with_name("vanilla-6.12~minimal~bugs~leak#3.lost-1")
    assert (aside / "console.log").read_text() == "half of it"
    assert [entry["accel"]["kind"] for entry in killed.header()["resumed"]] == ["tcg"]
    for line in (killed.path / "results.jsonl").read_text().splitlines():
        json.loads(line)


def test_run_that_is_still_under_way_is_left_alone(killed):
    other = RunFolder.open(killed.path)
    other.hold()
    with (
        pytest.raises(SpecError, match="this run is still under way"),
        reopen_trials(ROOT, LEAK, killed, How(jobs=1)),
    ):
        pass


def test_another_accelerator_is_refused_as_a_race_shows_otherwise_there(killed, monkeypatch):
    monkeypatch.setattr(reopen, "accelerator", lambda *_: Accel("kvm", "it runs guests"))
    with (
        pytest.raises(SpecError, match="its attempts ran by tcg, and not by kvm; give --accel tcg"),
        reopen_trials(ROOT, LEAK, killed, How(jobs=1)),
    ):
        pass


def test_kernel_that_does_not_build_is_told_by_its_compilers_error(fake, tmp_path):
    said = "make bzImage: exit 2; whole log in x.log\n  CC mm/madvise.o\n  mm/madvise.c:9:2: error: no such function\n"
    fake.unbuildable["vanilla-6.12"] = BuildError(said)
    with open_trials(ROOT, LEAK, tmp_path / "runs", How(jobs=1)) as trials:
        found = trials(PLACE, 2, never)
    assert found.unusable == "mm/madvise.c:9:2: error: no such function"


@pytest.mark.parametrize("kept", [True, False])
def test_dead_guests_leave_their_memory_only_where_that_is_wanted(fake, tmp_path, kept):
    with open_trials(ROOT, LEAK, tmp_path / "runs", How(jobs=1, vmcore=kept)) as trials:
        trials(PLACE, 1, never)
    assert [job.vmcore for job in fake.jobs] == [kept]
