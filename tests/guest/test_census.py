# SPDX-License-Identifier: GPL-2.0-only
"""The census of real guests, alive and dead, by every way to their memory."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import tb
from drgn import Object
from drgn.helpers.linux.pid import find_task

from testbed.machine.deadline import Deadline
from testbed.machine.inspect import sysrq
from testbed.machine.machine import Machine
from testbed.measure.agreement import internal
from testbed.measure.census import WAYS, guest_memory_by, qemu_blocks, take
from testbed.measure.census.kernel import read_kernel
from testbed.measure.census.stale import zeropage_words
from testbed.measure.outside import Examiner
from testbed.measure.sample import judged_spaces
from testbed.run.guard import Guard

NONCE = "00c0ffee"
TABLES = 4096


def at_phase(machine: Machine, phase: str, workload: str, *arguments: str) -> int:
    """Run a workload up to a phase, where it waits; its pid."""
    words = [("arg", argument) for argument in arguments]
    machine.send(("cmd", "run"), ("name", "x"), ("exec", f"/workloads/{workload}"), *words, ("nonce", NONCE))
    while True:
        message = machine.receive(Deadline.after(120))
        if message["type"] == "phase":
            if message["phase"] == phase:
                return int(message["pid"])
            machine.send(("cmd", "continue"))


@pytest.fixture
def flooded(launch):
    """A guest whose RAM is a shared file, in which a program has made 4096 tables of the zeropage and waits."""
    with Machine(replace(launch, shared_ram=True), Guard()) as machine:
        machine.start(Deadline.after(60))
        pid = at_phase(machine, "peak", "zeropage-flood", f"--span={TABLES << 21}", "--press=knob")
        yield machine, pid


def view_of(source: Path | str, *words: str | Path) -> dict:
    """What ``tb census`` says in JSON."""
    done = tb("census", source, *words, "--json")
    assert done.code == 0, done.stderr
    return done.records[0]


def process(view: dict, pid: int) -> dict:
    return next(each for each in view["processes"] if each["pid"] == pid)


def same(one: dict, other: dict) -> bool:
    """Whether two censuses counted the same: all but how long it took and by which way."""
    drop = ("seconds", "way")
    return {k: v for k, v in one.items() if k not in drop} == {k: v for k, v in other.items() if k not in drop}


def test_entries_of_the_zeropage_are_found_in_the_pages_of_tables_and_are_not_stale_while_they_are_tables(
    flooded, kernel
):
    machine, pid = flooded
    machine.pause()
    examiner = Examiner(machine.launch.examine_socket, kernel.vmlinux)
    census = examiner.census(machine.pid, machine.qmp.execute)
    frames = census.frames(judged_spaces(census, pid))
    memory = guest_memory_by("mmap", examiner.program, machine.pid, qemu_blocks(machine.qmp.execute))
    assert zeropage_words(memory, read_kernel(examiner.program).zero_pfn, frames) >= TABLES
    assert examiner.stale_entries(frames) == 0


def test_all_ways_to_the_memory_of_a_guest_give_the_same_census(flooded, kernel):
    machine, pid = flooded
    machine.pause()
    program = Examiner(machine.launch.examine_socket, kernel.vmlinux).program
    blocks = qemu_blocks(machine.qmp.execute)
    taken = [take(program, guest_memory_by(way, program, machine.pid, blocks)) for way in WAYS]
    assert [census.way for census in taken] == list(WAYS)
    first = taken[0]
    for census in taken:
        assert list(internal(census)) == []
        assert (census.counts(), census.kinds(), census.accounts) == (first.counts(), first.kinds(), first.accounts)
        for column in ("space", "level", "address", "kind", "deposit", "entries"):
            assert np.array_equal(getattr(census.tables, column), getattr(first.tables, column)), column
    (owner,) = (index for index, space in enumerate(first.spaces) if space.pid == pid)
    assert first.counts([owner])["pte"]["zero"] == TABLES


def test_guest_behind_a_socket_is_counted_alive_dumped_and_dead_with_the_same_numbers(flooded, kernel, tmp_path):
    machine, pid = flooded
    socket = machine.launch.examine_socket
    alive = view_of(socket)
    assert process(alive, pid)["levels"]["pte"]["zero"] == TABLES
    assert alive["differences"] == []
    assert machine.qmp.execute("query-status")["running"], "the guest goes on"
    core = tmp_path / "vmcore"
    machine.qmp.execute("dump-guest-memory", {"paging": False, "protocol": f"file:{core}"}, 60)
    assert same(process(view_of(core, "--vmlinux", kernel.vmlinux), pid), process(alive, pid))
    assert same(process(view_of(core), pid), process(alive, pid)), "the kernel is found by its build ID"
    sysrq(machine.qmp, machine.console, "c", 5)
    assert "Kernel panic" in machine.console_text
    dead = view_of(socket)
    assert same(process(dead, pid), process(alive, pid))


def test_compressed_dump_is_counted_through_drgn_or_refused_in_one_line(flooded, tmp_path):
    machine, pid = flooded
    core = tmp_path / "vmcore"
    arguments = {"paging": False, "protocol": f"file:{core}", "format": "kdump-zlib"}
    machine.qmp.execute("dump-guest-memory", arguments, 60)
    done = tb("census", core, "--json")
    if done.code == 0:
        assert process(done.records[0], pid)["levels"]["pte"]["zero"] == TABLES
    else:
        assert (done.code, done.records) == (2, [])
        assert "no dump of a Linux guest that drgn reads" in done.stderr.splitlines()[-1]


def test_memory_full_of_garbage_is_counted_as_bad_and_never_ends_a_census(flooded, kernel):
    """Every word of some tables of the program, then of the lists of its mappings, is overwritten."""
    machine, pid = flooded
    machine.pause()
    examiner = Examiner(machine.launch.examine_socket, kernel.vmlinux)
    blocks = qemu_blocks(machine.qmp.execute)
    before = take(examiner.program, guest_memory_by("mmap", examiner.program, machine.pid, blocks))
    space = next(space for space in before.spaces if space.pid == pid)
    random = np.random.default_rng(7)
    top = space.pgd - examiner.program["page_offset_base"].value_()
    garbage = random.integers(0, 1 << 63, 256, dtype=np.uint64) | np.uint64(1)
    scribble(machine.pid, blocks, top, garbage.tobytes())
    root = (space.mappings & ~0xFF) - examiner.program["page_offset_base"].value_()
    scribble(machine.pid, blocks, root + 8, random.bytes(240))
    began = time.monotonic()
    after = take(examiner.program, guest_memory_by("mmap", examiner.program, machine.pid, blocks))
    assert time.monotonic() - began < 10
    bad = sum(level["bad"] for level in after.counts().values())
    assert bad >= 200
    assert any("lead to no table" in difference for difference in internal(after))
    others = [index for index, each in enumerate(before.spaces) if each.pid != pid]
    assert after.counts(others) == before.counts(others)


@pytest.mark.parametrize("where", ["pgd", "mm", "tasks", "pids"])
@pytest.mark.parametrize("word", [0, 0x4141414141414141, None], ids=["nothing", "nowhere", "itself"])
def test_garbage_on_the_way_to_the_address_spaces_ends_no_census(flooded, kernel, where, word):
    machine, pid = flooded
    machine.pause()
    program = Examiner(machine.launch.examine_socket, kernel.vmlinux).program
    blocks = qemu_blocks(machine.qmp.execute)
    task = find_task(program, pid)
    node = program["init_pid_ns"].idr.idr_rt.xa_head.value_()
    slot = Object(program, "struct xa_node *", value=node & ~3).slots[0]
    places = {"pgd": task.mm.pgd, "mm": task.mm, "tasks": task.tasks.next, "pids": slot}
    place = places[where].address_of_().value_()
    loop = node if where == "pids" else place
    value = loop if word is None else word
    scribble(machine.pid, blocks, place - program["page_offset_base"].value_(), value.to_bytes(8, "little"))
    began = time.monotonic()
    after = take(program, guest_memory_by("mmap", program, machine.pid, blocks))
    assert time.monotonic() - began < 10
    assert any(space.pid == 1 for space in after.spaces)


def scribble(qemu: int, blocks, address: int, data: bytes) -> None:
    block = next(block for block in blocks if block.start <= address < block.start + block.size)
    with Path(f"/proc/{qemu}/mem").open("r+b", buffering=0) as memory:
        memory.seek(address - block.start + block.at)
        memory.write(data)


@pytest.mark.parametrize("wrong", ["/bin/true", "/dev/null"])
def test_guest_goes_on_where_its_census_fails(flooded, wrong):
    machine, _ = flooded
    copy = machine.launch.folder / "vmlinux"
    copy.write_bytes(Path(wrong).read_bytes())
    assert tb("census", machine.launch.examine_socket, "--vmlinux", copy).code != 0
    assert machine.qmp.execute("query-status")["running"]


def test_watch_shows_a_census_again_and_again_until_it_is_interrupted(flooded):
    machine, _ = flooded
    argv = [sys.executable, "-c", "from testbed.cli import main; main()", "census", "--watch", "100ms", "--json"]
    words = [*argv, str(machine.launch.examine_socket)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as watching:
        views = [json.loads(watching.stdout.readline()) for _ in range(3)]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0
    assert views[0]["total_kb"] == views[2]["total_kb"]
    assert machine.qmp.execute("query-status")["running"]


def test_cell_of_a_run_is_shown_phase_by_phase_as_it_was_recorded(tmp_path):
    done = tb("run", "malicious/zeropage-flood", "--kernel", "vanilla-6.12", "--json", "--out", tmp_path)
    (record,) = done.records
    views = tb("census", tmp_path / record["run"], "zeropage", "--json").records
    assert [view["phase"] for view in views] == list(record["phases"])
    for view in views:
        recorded = record["phases"][view["phase"]]["census"]
        # at the start init holds as much, or more: where its tables lie is random
        (workload,) = (each["levels"] for each in view["processes"] if each["name"] == "zeropage-flood")
        assert {level: workload[level]["tables"] for level in workload} == {
            level: recorded[level]["tables"] for level in recorded
        }


def test_run_without_a_census_says_so_and_judges_what_it_can(tmp_path):
    words = ("malicious/zeropage-flood", "--no-census", "--json", "--out", tmp_path)
    done = tb("run", *words)
    verdicts = {record["kernel"]["name"]: record for record in done.records}
    assert verdicts["vanilla-6.12"]["verdict"] == "pass"
    skipped = verdicts["ptreclaim-6.12"]
    assert skipped["verdict"] == "skip"
    assert "--no-census" in skipped["reason"]
    assert skipped["phases"]["after"]["needed_source"] == "pagemap"
    assert not list(tmp_path.rglob("census-*.npz"))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["/nonexistent"], "no run of that name"),
        ([__file__], "no dump of a Linux guest"),
        ([__file__, "--watch", "1s"], "only a running guest can be watched"),
        ([__file__, "--vmlinux", "/nonexistent"], "no such file"),
    ],
)
def test_source_that_is_none_is_one_line_and_exit_2(words, problem):
    done = tb("census", *words)
    assert (done.code, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert problem in done.stderr


def test_socket_where_nobody_listens_is_one_line_and_exit_2(tmp_path):
    import socket

    path = Path(f"/tmp/tb-test-nobody-{os.getpid()}")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    try:
        done = tb("census", path)
    finally:
        path.unlink()
    assert (done.code, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "no QEMU listens there" in done.stderr
