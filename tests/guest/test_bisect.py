# SPDX-License-Identifier: GPL-2.0-only
"""Bisections on real guests: a planted patch is found by name, whatever does not build and whoever is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Done, tb, wait_for

PLANTED = Path(__file__).with_name("planted") / "bisect"
FIRST_BAD = "0009-mm-madvise-pick-a-home-for-the-counters.patch"
LAST_GOOD = "0008-mm-madvise-count-bytes-too.patch"
NO_BUILD = "0006-mm-madvise-count-through-a-function.patch"
KERNEL = """\
  planted-6.12:
    source: {apt: linux-source-6.12}
    series: planted
    why: twelve patches, one of them bad
"""
SOMETIMES = """\
title: A warning at the first MADV_DONTNEED of three boots in ten
report: planted by the tests
scenario: benign/dontneed-loop
params: {span: 4MiB}
kernel: planted-6.12
signature:
  - crash: {kind: warn, title: madvise_pick_home}
"""
MANY_CPUS = """\
title: It shows with more than two CPUs
report: made up by the tests
guest: minimal-smp4
shell: |
  tb-phase start
  tb-phase peak
  tb-phase after
  if [ "$(nproc)" -gt 2 ]; then echo broken; fi
deadline: 20s
kernel: vanilla-6.12
signature:
  - said: ^broken$
"""
LARGE = """\
title: Tables that are left over, by a workload larger than it need be
report: made up by the tests
scenario: benign/dontneed-loop
params: {span: 64MiB}
kernel: vanilla-6.12
signature:
  - metric: after.left_over.pte > 6
"""


class Site:
    """A checkout of its own that has the planted series and a bug file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("guests", "kernel", "scenarios"):
            shutil.copytree(ROOT / name, root / name)
        shutil.copytree(PLANTED, root / "kernel" / "series" / "planted")
        with (root / "kernel" / "kernels.yaml").open("a") as file:
            file.write(KERNEL)

    def bug(self, text: str) -> str:
        (self.root / "bug.yaml").write_text(text)
        return "bug.yaml"

    def tb(self, *words: str) -> Done:
        return tb(*words, cwd=self.root)

    def run(self) -> Path:
        (run,) = (self.root / "runs").glob("2*")
        return run

    def steps(self) -> list[dict]:
        lines = (self.run() / "bisect.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines[1:]]


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path / "site")


def check_found(site: Site, done: Done) -> None:
    """The planted patch is named, with evidence from both sides, and so is what did not build."""
    assert done.code == 0, done.stdout + done.stderr
    told = done.stdout[done.stdout.index("first bad of ") :].splitlines()
    assert told[0] == f"first bad of the 12 patches of planted-6.12: {FIRST_BAD}"
    assert "madvise_pick_home" in told[1]
    assert (site.root / told[2].strip()).is_dir()
    assert any(line.startswith(f"  good: {LAST_GOOD}: 0 of ") for line in told)
    steps = site.steps()
    skipped = [step for step in steps if step["answer"] == "skip"]
    assert [step["name"] for step in skipped] == [NO_BUILD]
    assert "madvise_count_range" in skipped[0]["why"]
    recorded = [json.loads(line)["cell"] for line in (site.run() / "results.jsonl").read_text().splitlines()]
    assert sorted(recorded) == sorted(cell for step in steps for cell in step["cells"])


@pytest.mark.night
@pytest.mark.timeout(7200)
def test_patch_whose_bug_shows_in_three_runs_of_ten_is_found_by_name(site):
    done = site.tb("bisect", site.bug(SOMETIMES))
    check_found(site, done)
    cell = site.steps()[0]["showing"][0]
    again = site.tb("report", str(site.run()))
    assert cell in again.stdout


@pytest.mark.night
@pytest.mark.timeout(7200)
def test_bisection_that_is_killed_in_the_middle_goes_on_and_loses_no_attempt(site):
    bug = site.bug(SOMETIMES)
    argv = [sys.executable, "-c", "from testbed.cli import main; main()", "bisect", bug]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(argv, cwd=site.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:

        def in_the_middle_of_a_step() -> bool:
            runs = list((site.root / "runs").glob("2*/bisect.jsonl"))
            if not runs or len(site.steps()) < 2:
                return False
            counted = sum(len(step["cells"]) for step in site.steps())
            return len((site.run() / "results.jsonl").read_text().splitlines()) > counted

        assert wait_for(in_the_middle_of_a_step, 3600)
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = site.steps()
    done = site.tb("bisect", bug, "--resume", site.run().name)
    check_found(site, done)
    assert site.steps()[: len(before)] == before
    assert f"{len(before)} steps are done" in done.stdout


def test_shape_of_the_guest_that_shows_a_bug_is_found(site):
    done = site.tb("bisect", site.bug(MANY_CPUS), "--guest", "minimal", "minimal-smp4")
    assert done.code == 0, done.stdout + done.stderr
    assert "first bad of shapes of the guest from minimal to minimal-smp4: 4 vCPUs" in done.stdout
    assert [(step["name"], step["answer"]) for step in site.steps()] == [
        ("4 vCPUs", "bad"),
        ("as minimal", "good"),
        ("2 vCPUs", "good"),
    ]
    other = site.bug(MANY_CPUS.replace("^broken$", "^shattered$"))
    changed = site.tb("bisect", other, "--resume", site.run().name)
    assert changed.code == 2
    assert "the bug's signature or amplifiers changed since" in changed.stderr


def test_end_that_is_not_as_it_was_said_is_one_line_and_exit_1(site):
    bug = site.bug(MANY_CPUS)
    done = site.tb("bisect", bug, "--guest", "minimal-smp4", "minimal", "--attempts", "2")
    assert (done.code, done.stderr.splitlines()[-1]) == (
        1,
        "not found: the bad end, 1 vCPU, does not show the bug: 0 of 2 runs",
    )


@pytest.mark.night
def test_smaller_workload_in_a_smaller_guest_still_shows_it(site):
    done = site.tb("minimise", site.bug(LARGE))
    assert done.code == 0, done.stdout + done.stderr
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in done.stdout.splitlines() if "\t" in line}
    assert rows["span"] == ["64MiB", "14MiB"]
    assert rows["guest memory"][0] == "1GiB"
    assert rows["guest memory"][1].endswith("MiB")
    again = site.tb("reproduce", "bug-small.yaml", "-n", "3", "--no-stop")
    assert again.code == 0, again.stdout + again.stderr
    assert "3 of 3" in again.stdout
