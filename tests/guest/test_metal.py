# SPDX-License-Identifier: GPL-2.0-only
"""A machine behind a serial line and a power switch runs cells as a guest does; a QEMU plays it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, report, tb, wait_for
from kinds import KINDS

from testbed.build import build_kernel
from testbed.spec import resolve_kernel

METAL = Path(__file__).parent / "metal"
DIE = ROOT / "tests" / "deaths" / "die.yaml"
LOUD = ("reboot", "sysrq:t", "noise", "say:console")  # of those that vanilla-6.12 can die of


class Lab:
    """A fake machine, its description, and the folder that it boots from."""

    def __init__(self, folder: Path, accel: str) -> None:
        self.folder = folder
        self.netboot = folder / "netboot"
        self.netboot.mkdir()
        self.boots(self.netboot)
        (folder / "accel").write_text(accel)
        argv = [sys.executable, METAL / "fake_machine.py", folder]
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)])
        assert wait_for((folder / "line").exists, 10)
        self.describe()

    def describe(self, boot: str = "{copy_to: netboot, deadline: 60s}") -> None:
        switch = [sys.executable, str(METAL / "fake_switch.py"), str(self.folder)]
        self.file.write_text(
            f"console: {{line: {self.folder / 'line'}, tty: ttyS0}}\n"
            f"boot: {boot}\n"
            f"power: {{on: {[*switch, 'on']}, off: {[*switch, 'off']}, off_for: 100ms}}\n"
            "memory: 1GiB\ncpus: 2\nslow: 6\n"
        )

    @property
    def file(self) -> Path:
        return self.folder / "fake.yaml"

    def boots(self, folder: Path) -> None:
        (self.folder / "boots").write_text(str(folder))

    @property
    def power(self) -> list[str]:
        log = self.folder / "power.log"
        return log.read_text().split() if log.exists() else []

    def run(self, *words: str | Path):
        return tb("run", "--machine", self.file, "--json", "--out", self.folder / "runs", *words)

    def begun(self, *words: str | Path) -> subprocess.Popen:
        """Begin a run, or go on with one, and do not wait for its end."""
        machine = [] if str(words[0]).startswith("--resume") else ["--machine", self.file]
        line = ["run", "--out", self.folder / "runs", *machine, *words]
        argv = [sys.executable, "-c", "from testbed.cli import main; main()", *map(str, line)]
        return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def lab(accel, tmp_path_factory):
    folder = Path("/tmp") / f"tb-{tmp_path_factory.mktemp('lab').name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    lab = Lab(folder, accel.kind)
    yield lab
    lab.end()
    shutil.rmtree(folder)


def test_cell_that_kills_the_machine_is_blamed_and_the_next_one_passes_on_a_fresh_boot(lab):
    done = lab.run(DIE, "benign/dontneed-loop", "--kernel", "vanilla-6.12")
    died, passed = done.records
    assert (died["verdict"], died["crash"]["title"]) == ("crash", "Kernel panic - not syncing: sysrq triggered crash")
    assert (passed["verdict"], done.code) == ("pass", 1), done.stderr
    assert lab.power == ["off", "on", "off"] * 2
    assert passed["accel"] == {"kind": "metal", "reason": "machine fake over serial"}
    assert passed["host"]["name"] == "fake"
    phases = passed["phases"]
    assert phases["peak"]["vmpte_kb"] > 10 * phases["start"]["vmpte_kb"]
    assert all(phase["agree"] and phase["console_pagetables_kb"] == phase["pagetables_kb"] for phase in phases.values())
    assert all("physical machine's memory" in phase["unexamined"] for phase in phases.values())


@pytest.mark.night
def test_number_that_only_a_census_gives_is_a_skip_with_the_reason(lab):
    done = lab.run("benign/dontneed-loop", "--kernel", "ptreclaim-6.12")
    (record,) = done.records
    assert (record["verdict"], done.code) == ("skip", 0), done.stderr
    assert "nobody reads a physical machine's memory from outside" in record["reason"]
    assert record["phases"]["pressed"]["vmpte_kb"] < record["phases"]["peak"]["vmpte_kb"]


def test_kernel_that_was_left_in_another_folder_is_an_error_and_no_result(lab):
    stale = lab.folder / "stale"
    stale.mkdir()
    for name in ("initramfs", "cmdline"):
        (stale / name).symlink_to(lab.netboot / name)
    # of the same release: only the build ID tells
    shutil.copyfile(build_kernel(ROOT, resolve_kernel(ROOT, "ptreclaim-6.12"), report).bzimage, stale / "kernel")
    lab.boots(stale)
    done = lab.run("benign/dontneed-loop", "--kernel", "vanilla-6.12")
    (record,) = done.records
    assert (record["verdict"], done.code) == ("error", 3), done.stderr
    assert record["reason"].startswith("another kernel booted than vanilla-6.12: release 6.12.")
    assert record["phases"] == {}


def test_run_ends_when_the_machine_does_not_come_up_any_more(lab):
    lab.describe("{copy_to: netboot, deadline: 1s}")
    lab.boots(lab.folder)  # where there is nothing to boot
    done = lab.run("benign/dontneed-loop", "--kernel", "vanilla-6.12", "--repeat", "5")
    assert [record["verdict"] for record in done.records] == ["error"] * 3
    assert "machine fake was silent until 1 s after power on" in done.records[-1]["reason"]
    assert "3 cells in a row were not booted" in done.stderr
    assert "2 cells were not run; go on with: ./tb run --resume" in done.stderr
    assert done.code == 3


def test_machine_has_one_user_at_a_time(lab):
    with lab.begun(DIE, "--kernel", "vanilla-6.12") as first:
        assert wait_for(lambda: lab.power, 60)
        second = lab.run(DIE, "--kernel", "vanilla-6.12")
        first.terminate()
    assert (second.code, second.records) == (2, [])
    assert "machine fake: another run has it; wait for its end" in second.stderr


@pytest.mark.night
def test_cell_with_which_the_orchestrator_was_lost_twice_is_blamed_and_not_run_for_ever(lab):
    runs = lab.folder / "runs"
    for boots in (1, 2):
        again = [f"--resume={path.name}" for path in runs.glob("*")]
        with lab.begun(*(again or (DIE, "benign/dontneed-loop", "--kernel", "vanilla-6.12"))) as lost:
            assert wait_for(lambda wanted=boots: lab.power.count("on") == wanted, 60)
            lost.kill()
    (run,) = runs.iterdir()
    done = tb("run", f"--resume={run.name}", "--out", runs, "--json")
    blamed, passed = done.records
    assert (blamed["verdict"], passed["verdict"], done.code) == ("error", "pass", 3), done.stderr
    assert blamed["reason"].startswith("was under way when machine fake or its orchestrator was lost, 2 times")
    assert "is not run again; what it left is in" in done.stderr


@pytest.mark.night
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.how in LOUD], ids=lambda kind: kind.name)
def test_line_that_kernel_agent_and_others_talk_on_at_once_tells_what_a_guests_console_does(lab, kind):
    done = lab.run(DIE, "--kernel", "vanilla-6.12", "--set", f"how={kind.how}")
    (record,) = done.records
    # nobody can ask the kernel whether it was its own word
    expected = "crash" if kind.how == "say:console" else kind.expect
    assert record["verdict"] == expected, done.stderr
    console = next((lab.folder / "runs").glob("*/cells/*/console.log")).read_text(errors="replace")
    assert kind.says is None or re.search(kind.says, console)
