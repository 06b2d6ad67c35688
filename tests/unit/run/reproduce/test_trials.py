# SPDX-License-Identifier: GPL-2.0-only
"""Attempts at a bug: when they end, what is kept of them, and what the folder says afterwards."""

import json
import threading
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from made_bugs import ROOT, attempt, bug, images, number_of

from testbed.errors import BuildError, HostError, SourceUnavailable, SpecError
from testbed.judge.grade import Grade
from testbed.run.plan import Request
from testbed.run.reproduce import attempts
from testbed.run.reproduce.subject import Images, Subject
from testbed.run.reproduce.trials import How, open_trials
from testbed.spec import load_guest, resolve_kernel
from testbed.store.folder import RunFolder

LEAK = bug()


def subject(kernel: str = "vanilla-6.12", **more) -> Subject:
    return Subject(resolve_kernel(ROOT, kernel), load_guest(ROOT, "minimal"), LEAK.scenario.at("small"), **more)


def once_sure(grade: Grade) -> bool:
    return grade.sure


def never(grade: Grade) -> bool:
    return False


def find(tmp_path, where: Subject, most: int = 10, enough=once_sure, jobs: int = 1, told=lambda record: None):
    with open_trials(ROOT, LEAK, tmp_path / "runs", How(jobs=jobs), told=told) as trials:
        return trials(where, most, enough), trials.folder


def test_six_of_six_end_it(fake, tmp_path):
    found, folder = find(tmp_path, subject())
    assert found.grade == Grade(6, 6)
    assert [record["cell"] for record in found.records] == [f"vanilla-6.12/minimal/bugs/leak#{n}" for n in range(1, 7)]
    assert folder.records() == found.records


def test_all_attempts_are_made_where_the_bug_does_not_show(fake, tmp_path):
    fake.answer = lambda name: False
    assert find(tmp_path, subject())[0].grade == Grade(0, 10)


def test_what_was_begun_when_it_was_sure_is_run_to_its_end_and_counted(fake, tmp_path):
    quick = threading.Event()
    finished = []

    def answer(name: str) -> bool:
        if number_of(name) == 2:
            assert quick.wait(10)  # the slow one, which does not show it, ends when the others have made it sure
            return False
        return True

    def told(record) -> None:
        finished.append(record["cell"])
        if len(finished) == 6:
            quick.set()

    fake.answer = answer
    assert find(tmp_path, subject(), jobs=2, told=told)[0].grade == Grade(6, 7)


def test_several_guests_run_at_once(fake, tmp_path):
    together = threading.Barrier(3, timeout=10)
    fake.answer = lambda name: together.wait() >= 0
    assert find(tmp_path, subject(), most=6, enough=never, jobs=3)[0].grade == Grade(6, 6)


def test_records_are_in_the_order_of_attempts_whatever_ends_first(fake, tmp_path):
    second = threading.Event()

    def answer(name: str) -> bool:
        if number_of(name) == 1:
            assert second.wait(10)
        second.set()
        return True

    fake.answer = answer
    found, _ = find(tmp_path, subject(), most=2, jobs=2)
    assert [number_of(record["cell"]) for record in found.records] == [1, 2]


def test_attempts_that_can_not_be_judged_do_not_count_and_are_told(fake, tmp_path):
    fake.answer = lambda name: None if number_of(name) == 2 else True
    found, _ = find(tmp_path, subject(), most=4, enough=never)
    assert found.grade == Grade(3, 3)
    assert found.unjudged == ("vanilla-6.12/minimal/bugs/leak#2: QEMU is gone",)
    assert found.unusable == ""


def test_kernel_that_never_boots_is_given_up_after_three_attempts(fake, tmp_path):
    fake.answer = lambda name: None
    found, folder = find(tmp_path, subject())
    assert (found.grade, found.unusable, len(folder.records())) == (Grade(0, 0), "QEMU is gone", 3)


@pytest.mark.parametrize(("error", "verdict"), [(BuildError, "error"), (SourceUnavailable, "skip")])
def test_kernel_that_can_not_be_built_is_unusable_and_recorded(fake, tmp_path, error, verdict):
    fake.unbuildable["vanilla-6.12"] = error("patch 3 does not apply\n  hunk 2")
    found, folder = find(tmp_path, subject())
    assert (found.grade, found.unusable, fake.jobs) == (Grade(0, 0), "patch 3 does not apply", [])
    (record,) = folder.records()
    assert (record["verdict"], record["shown"]) == (verdict, {"shown": None, "sign": "patch 3 does not apply"})
    assert folder.header()["unavailable"] == ({} if verdict == "error" else {"vanilla-6.12": "patch 3 does not apply"})


def test_nothing_is_built_where_images_are_there(fake, tmp_path):
    fake.unbuildable["vanilla-6.12"] = BuildError("not to be built")
    found, _ = find(tmp_path, subject(images=Images(images(), images())))
    assert found.grade == Grade(6, 6)


def test_same_place_again_gets_the_next_numbers_and_another_kernel_its_own(fake, tmp_path):
    with open_trials(ROOT, LEAK, tmp_path / "runs", How(jobs=1)) as trials:
        for kernel in ("vanilla-6.12", "ptreclaim-6.12", "vanilla-6.12"):
            trials(subject(kernel), 2, never)
    names = [f"{kernel}/minimal/bugs/leak#{n}" for kernel, n in zip("vvppvv", (1, 2, 1, 2, 3, 4), strict=True)]
    full = [name.replace("v/", "vanilla-6.12/").replace("p/", "ptreclaim-6.12/") for name in names]
    assert fake.begun == trials.folder.header()["cells"] == full


def test_folder_is_a_normal_run(fake, tmp_path):
    with open_trials(ROOT, LEAK, tmp_path / "runs", How(jobs=1), facts={"searches": ["x"]}) as trials:
        trials(subject(), 10, once_sure)
    folder = RunFolder.open(trials.folder.path)
    header = folder.header()
    assert header["bugs"] == {"bugs/leak": {"title": "It leaks", "report": "<1@example.org>"}}
    assert header["accel"]["kind"] == "tcg"
    assert header["searches"] == ["x"]
    assert header["kernels"]["vanilla-6.12"]["release"] == "6.12.117"
    assert header["images"] == {"vanilla-6.12/minimal/bugs/leak": {"kernel": "a" * 64, "guest": "d" * 64}}
    # the four that were planned and not needed are missed by nobody
    assert header["cells"] == [record["cell"] for record in folder.records()] == list(header["digests"])
    assert ElementTree.parse(folder.path / "junit.xml").getroot().find("testsuite").get("tests") == "6"
    with pytest.raises(SpecError, match="start the run anew"):
        Request.read(ROOT, header.get("request"), "run.json")


def test_planned_attempts_are_in_the_folder_before_the_first_starts(fake, tmp_path):
    planned = []

    def answer(name: str) -> bool:
        (header,) = (tmp_path / "runs").glob("*/run.json")
        planned.append(len(json.loads(header.read_text())["cells"]))
        return True

    fake.answer = answer
    find(tmp_path, subject(), most=8)
    assert planned == [8] * 6


def test_interrupt_keeps_what_has_finished_and_goes_on_to_the_caller(fake, tmp_path):
    def told(record) -> None:
        if number_of(record["cell"]) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(tmp_path, subject(), told=told)
    (path,) = (tmp_path / "runs").iterdir()
    folder = RunFolder.open(path)
    kept = [record["cell"] for record in folder.records()]
    assert [number_of(name) for name in kept][:2] == [1, 2]
    assert folder.header()["cells"] == kept
    assert folder.lost(kept) == []
    assert (path / "junit.xml").is_file()


def test_guest_under_way_is_called_off_by_an_interrupt(fake, tmp_path, monkeypatch):
    begun = threading.Event()

    def run_cell(job, cancelled):
        if number_of(job.cell.name) == 2:
            begun.set()
            assert cancelled.wait(10)
        return attempt(job.cell.name, True)

    def told(record) -> None:
        assert begun.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(attempts, "run_cell", run_cell)
    with pytest.raises(KeyboardInterrupt):
        find(tmp_path, subject(), jobs=2, told=told)
    (path,) = (tmp_path / "runs").iterdir()
    assert [number_of(record["cell"]) for record in RunFolder.open(path).records()] == [1]


def test_full_disk_ends_it_as_a_failure_of_the_host(fake, tmp_path):
    def answer(name: str) -> bool:
        raise OSError(28, "No space left on device", "console.log")

    fake.answer = answer
    with pytest.raises(HostError, match=r"console\.log: No space left on device"):
        find(tmp_path, subject())


def test_memory_of_one_dead_guest_is_kept_for_each_kernel(fake, tmp_path):
    core = {"file": "vmcore.zst", "bytes": 1, "plain_bytes": 2, "seconds": 0.1}

    def answer(name: str):
        job = next(job for job in fake.jobs if job.cell.name == name)
        died = number_of(name) >= 2
        told = core if died and job.vmcore else None
        return attempt(name, died, verdict="crash" if died else "done", vmcore=told)

    fake.answer = answer
    with open_trials(ROOT, LEAK, tmp_path / "runs", How(jobs=1)) as trials:
        for kernel in ("vanilla-6.12", "ptreclaim-6.12"):
            trials(subject(kernel), 4, never)
    armed = [job.cell.name for job in fake.jobs if job.vmcore]
    assert [number_of(name) for name in armed] == [1, 2, 1, 2]


def test_only_one_of_several_guests_under_way_may_keep_its_memory(fake, tmp_path):
    together = threading.Barrier(2, timeout=10)

    def answer(name: str):
        together.wait()
        return attempt(name, True, verdict="crash")

    fake.answer = answer
    find(tmp_path, subject(), most=2, jobs=2)
    assert sum(job.vmcore for job in fake.jobs) == 1


def test_census_and_number_of_guests_are_as_asked(fake, tmp_path):
    with open_trials(ROOT, LEAK, tmp_path / "runs", How(jobs=1, census=False)) as trials:
        trials(replace(subject()), 1, never)
    assert [job.census for job in fake.jobs] == [False]
