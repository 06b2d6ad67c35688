# SPDX-License-Identifier: GPL-2.0-only
"""Whose tables are drawn after a death, and what the picture says of it."""

from pathlib import Path

import pytest
from report_run import BASE, PID, census

from testbed.judge.crash import find_crash
from testbed.run.culprit import Running, draw_culprit, running

CORPUS = Path(__file__).resolve().parents[2] / "corpus"
ROWS = [(0, 1, BASE, 3, False), (1, 1, BASE, 0, False), (1, 1, BASE + (1 << 21), 0, False), (1, 2, BASE, 3, False)]


def crash(comm: str, pid: int):
    return find_crash(
        "<1>[    1.900000][   T77] BUG: kernel NULL pointer dereference, address: 0000000000000000\n"
        f"<4>[    1.900001][   T77] CPU: 1 UID: 0 PID: {pid} Comm: {comm} Not tainted 6.12.117 #1\n"
    )


@pytest.fixture
def dead(tmp_path):
    census(tmp_path / "census-death.npz", ROWS)
    return tmp_path


@pytest.mark.parametrize("name", ["access-null", "fortify-mem-object", "slub-poison", "panic", "kasan-null+debug"])
def test_real_consoles_tell_who_ran(name):
    console = (CORPUS / name / "console.log").read_bytes().decode(errors="replace")
    found = running(find_crash(console).report)
    assert found is not None
    assert found.name == "die"
    assert found.cpu == 0


def test_kernels_before_6_11_and_names_with_spaces_are_understood():
    lines = ["nothing", "[    1.0] CPU: 3 PID: 7 Comm: Web Content 1 Tainted: G        W          6.1.0"]
    assert running(lines) == Running(3, 7, "Web Content 1")
    assert running(["nothing"]) is None


def test_process_that_ran_is_drawn(dead):
    svg = draw_culprit(dead, "k/g/bugs/x#1", crash("loop", PID), None).read_text()
    assert f"Page tables of loop, PID {PID}<" in svg
    assert "It ran on CPU 1 when the kernel crashed." in svg
    assert "oops: BUG: kernel NULL pointer dereference" in svg
    assert "k/g/bugs/x#1" in svg
    assert "PTE: 2 tables" in svg


def test_where_a_kernel_thread_ran_the_workload_is_drawn_and_the_picture_says_so(dead):
    svg = draw_culprit(dead, "cell", crash("kworker/1:2", 9), PID).read_text()
    assert f"Page tables of loop, PID {PID}, when the guest died" in svg
    assert "kworker/1:2, PID 9, ran on CPU 1; no page tables of its own were found." in svg


def test_threads_process_is_drawn(dead):
    svg = draw_culprit(dead, "cell", crash("racer", PID + 5), None, {PID + 5: PID}).read_text()
    assert f"Page tables of loop, PID {PID}<" in svg
    assert f"Its thread racer, {PID + 5}, ran on CPU 1 when the kernel crashed." in svg


def test_guest_that_stood_still_has_a_picture_of_its_workload(dead):
    assert "stood still or went away" in draw_culprit(dead, "cell", None, PID).read_text()


def test_there_is_no_picture_where_nobody_is_known_or_nothing_was_counted(dead, tmp_path):
    assert draw_culprit(dead, "cell", crash("kworker/1:2", 9), None) is None
    assert draw_culprit(dead / "elsewhere", "cell", None, 1) is None
    (dead / "census-death.npz").write_bytes(b"torn")
    assert draw_culprit(dead, "cell", None, 1) is None
    assert not (dead / "culprit.svg").exists()
