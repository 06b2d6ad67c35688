# SPDX-License-Identifier: GPL-2.0-only
"""A guest under a person's hands: by kernel and guest, as a stored cell ran, and by the line of a dry run."""

import sys
from contextlib import contextmanager

import pexpect
import pytest
from conftest import ROOT, tb

TB = [sys.executable, "-c", "from testbed.cli import main; main()"]
CELL = ["malicious/pte-flood", "--kernel", "vanilla-6.12", "--set", "span=64MiB"]
WORKLOAD = "/workloads/pte-flood --span=67108864 --press=knob"


@contextmanager
def terminal(*argv: str):
    spawned = pexpect.spawn(argv[0], list(argv[1:]), cwd=str(ROOT), encoding="utf-8", timeout=60)
    try:
        yield spawned
        spawned.sendline("exit")
        spawned.expect(pexpect.EOF)
    finally:
        spawned.close(force=True)
    assert spawned.exitstatus == 0


def answers(guest: pexpect.spawn, command: str, answer: str) -> None:
    """The prompt comes, and a command typed there prints ``answer``."""
    guest.expect("guest # ")
    guest.sendline(command)
    guest.expect(answer)


def test_shell_is_a_terminal_in_the_guest_and_ends_with_exit(kernel, image, accel):
    with terminal(*TB, "shell", "--kernel", "vanilla-6.12") as guest:
        answers(guest, "echo $((6 * 7)) $(uname -r)", rf"42 {kernel.release}")


@pytest.fixture(scope="module")
def stored(tmp_path_factory, kernel, image, accel):
    """The folder of a run of one cell."""
    out = tmp_path_factory.mktemp("runs")
    assert tb("run", *CELL, "--out", out).code == 0
    (run,) = out.iterdir()
    return run


def test_stored_cell_is_a_terminal_in_its_very_guest_after_its_workload_line(stored, kernel, image):
    with terminal(*TB, "shell", str(stored), "pte-flood") as guest:
        guest.expect_exact(f"# vanilla-6.12/minimal/malicious/pte-flood:span=64MiB#1: {WORKLOAD}\r\n")
        mebibytes = "$(free -m | awk '/^Mem/ { print $2 }')"
        answers(guest, f"echo $(uname -r) $(nproc) {mebibytes}", rf"{kernel.release} 1 9\d\d\b")


def test_dry_run_prints_what_the_cell_then_leaves_behind(stored):
    dry = tb("run", *CELL, "--dry-run")
    (by_hand,) = stored.glob("cells/*/by-hand.txt")
    assert dry.stdout == by_hand.read_text()


def test_line_of_a_dry_run_can_be_pasted_and_boots_to_a_shell_that_runs_the_workload(kernel, image, accel):
    title, line = tb("run", *CELL, "--dry-run").stdout.splitlines()
    assert title.endswith(f": {WORKLOAD}")
    with terminal("bash", "-c", line) as guest:
        answers(guest, f"{WORKLOAD} && echo $((6 * 7))", r"\n42\r")
