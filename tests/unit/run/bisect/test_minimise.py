# SPDX-License-Identifier: GPL-2.0-only
"""A bug's workload and guest shrink as far as the bug goes with them, and the file says so."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from lucky import BUG, SUBJECT, LuckyTrials
from made_bugs import ROOT

from testbed.errors import SpecError
from testbed.run.bisect.minimise import MEMORY, VCPUS, minimise
from testbed.spec import load_bug
from testbed.spec.bugedit import bug_path, write_smaller

MIB = 1 << 20
FILE = """\
# SPDX-License-Identifier: GPL-2.0-only
# Seen once a week.
title: It leaks
report: "<1@example.org>"
scenario: benign/dontneed-loop
params:
  span: {small: 512MiB, full: 1GiB}   # as reported
kernel: vanilla-6.12
signature:
  - metric: after.left_over.pte > 1
"""


def place(subject):
    """The numbers that a subject has."""
    memory = subject.scenario.memory_bytes or subject.guest.memory_bytes
    return subject.scenario.params["span"], subject.scenario.params["step"], subject.guest.vcpus, memory


def shrunk(tmp_path, rate, subject=SUBJECT, budget=500, seed=0):
    told = []
    trials = LuckyTrials(rate, seed)
    return minimise(BUG, subject, trials, tmp_path, budget, told.append), told, trials


def test_each_number_shrinks_as_far_as_the_bug_goes_with_it(tmp_path):
    def rate(subject):
        span, step, vcpus, memory = place(subject)
        return 1.0 if span >= 8 * MIB and step >= MIB and vcpus >= 2 and memory >= 128 * MIB else 0.0

    guest = replace(SUBJECT.guest, vcpus=4)
    found, told, trials = shrunk(tmp_path, rate, replace(SUBJECT, guest=guest))
    assert found.rows == (
        ("span", "512MiB", "8MiB"),
        ("step", "2MiB", "1MiB"),
        (VCPUS, "4", "2"),
        (MEMORY, "1GiB", "128MiB"),
    )
    assert found.changed == {"span": "8MiB", "step": "1MiB", VCPUS: "2", MEMORY: "128MiB"}
    assert found.attempts == len(trials.disk)
    assert not found.spent
    assert all(tried.held == (tried.grade.shown > 0) for tried in told)


def test_words_are_left_and_what_is_small_already_is_not_tried(tmp_path):
    found, told, _ = shrunk(tmp_path, lambda subject: 1.0)
    assert [what for what, _, _ in found.rows] == ["span", "step", MEMORY]
    assert [tried.now for tried in told] == ["4KiB", "4KiB", "64MiB"]


def test_change_that_makes_the_bug_rare_is_not_kept(tmp_path):
    def rate(subject):
        return 1.0 if place(subject)[0] >= 64 * MIB else 0.05

    for seed in range(5):
        found, _, _ = shrunk(tmp_path, rate, seed=seed)
        assert ("span", "512MiB", "64MiB") in found.rows


def test_bug_that_does_not_show_is_not_shrunk(tmp_path):
    found, told, trials = shrunk(tmp_path, lambda subject: 0.0, budget=20)
    assert found is None
    assert told == []
    assert len(trials.disk) == 20


def test_attempts_are_bounded_and_what_held_by_then_stays(tmp_path):
    def rate(subject):
        return 1.0 if place(subject)[0] >= 8 * MIB else 0.0

    found, _, trials = shrunk(tmp_path, rate, budget=14)
    assert len(trials.disk) <= 14
    assert found.spent
    assert found.changed.keys() == {"span"}


def test_each_try_is_a_line_of_the_log_with_its_cells(tmp_path):
    _, told, trials = shrunk(tmp_path, lambda subject: 1.0 if place(subject)[0] >= 8 * MIB else 0.0)
    lines = [json.loads(line) for line in (tmp_path / "minimise.jsonl").read_text().splitlines()]
    assert [(line["what"], line["now"], line["held"]) for line in lines[1:]] == [
        (tried.what, tried.now, tried.held) for tried in told
    ]
    assert [cell for line in lines for cell in line["cells"]] == [record["cell"] for record in trials.disk]
    assert len({record["cell"] for record in trials.disk}) == len(trials.disk)


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "leak.yaml"
    path.write_text(FILE)
    return path


def test_new_file_is_the_old_one_but_for_what_is_smaller(source, tmp_path):
    target = tmp_path / "leak-small.yaml"
    write_smaller(source, target, {"span": "8MiB"}, "128MiB", 2, "Made of bugs/leak.")
    old, new = load_bug(ROOT, source), load_bug(ROOT, target)
    assert new.name == "bugs/leak-small"
    bound = new.scenario.at(new.scale)
    assert (bound.params["span"], bound.memory_bytes, new.amplify.vcpus) == (8 * MIB, 128 * MIB, 2)
    assert bound.params["step"] == old.scenario.at(old.scale).params["step"]
    assert (new.title, new.report, new.kernels) == (old.title, old.report, old.kernels)
    lines = target.read_text().splitlines()
    assert lines[:3] == [FILE.splitlines()[0], "# Made of bugs/leak.", "# Seen once a week."]


def test_what_is_relative_to_the_file_is_found_from_its_new_place(source, tmp_path):
    (tmp_path / "leaky.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "planted.patch").write_text("")
    (tmp_path / "more.config").write_text("CONFIG_KSM=y\n")
    source.write_text(
        FILE.replace("scenario: benign/dontneed-loop", "workload: leaky\nguest: minimal\ndeadline: 20s")
        .replace(
            "kernel: vanilla-6.12", "kernel: {base: vanilla-6.12, patches: [planted.patch], config: [more.config]}"
        )
        .replace("signature:", 'expect:\n  "vanilla-6.12~leak": reproduced\n  mainline-7.3: gone\nsignature:')
    )
    (tmp_path / "else").mkdir()
    target = tmp_path / "else" / "small.yaml"
    write_smaller(source, target, {"span": "8MiB"}, None, None, "Made of bugs/leak.")
    new = load_bug(ROOT, target)
    assert [kernel.name for kernel in new.kernels] == ["vanilla-6.12~small", "mainline-7.3"]
    assert new.kernels[0].patches == (tmp_path / "planted.patch",)
    assert new.kernels[0].fragments[-1] == tmp_path / "more.config"
    assert new.programs == (tmp_path / "else" / "leaky.c",)


def test_file_that_is_there_already_is_not_written_over(source):
    with pytest.raises(SpecError, match=r"leak.yaml: File exists; name another file by --out"):
        write_smaller(source, source, {}, None, None, "")
    assert source.read_text() == FILE


def test_bug_is_found_by_path_or_by_name():
    assert bug_path(ROOT, "some/leak.yaml") == Path("some/leak.yaml")
    with pytest.raises(SpecError, match="unknown bug 'bugs/no-such'"):
        bug_path(ROOT, "bugs/no-such")
