# SPDX-License-Identifier: GPL-2.0-only
"""The memory of a guest that died is kept, and opens again: for the census, and for drgn."""

import re
import threading
from dataclasses import replace

import numpy as np
import pytest
from conftest import tb
from drgn import Program
from drgn.helpers.linux.pid import find_task
from kinds import KINDS
from live import ROOT, SCENARIO, accel, guest, kernel

from testbed.machine.vmcore import unpacked_vmcore
from testbed.run.cell import Job, run_cell
from testbed.run.plan import Cell
from testbed.spec import load_guest, load_scenario, resolve_kernel


@pytest.fixture
def death(tmp_path):
    """Let a guest die in a way that ``kinds.py`` names, with its memory kept; gives the record."""

    def dies(name: str, **job: object) -> dict:
        kind = next(kind for kind in KINDS if kind.name == name)
        scenario = load_scenario(ROOT, SCENARIO).at("small", {"how": kind.how})
        cell = Cell(resolve_kernel(ROOT, kind.kernel), load_guest(ROOT, kind.guest), scenario, 1)
        asked = Job(cell, kernel(kind.kernel), guest(kind.guest), accel(), "deaths", tmp_path, vmcore=True)
        return run_cell(replace(asked, **job), threading.Event()).record()

    return dies


def test_crashed_guests_memory_is_kept_and_the_census_finds_in_it_what_it_found_in_the_guest(death, tmp_path):
    record = death("sysrq-c")
    assert record["verdict"] == "crash", record["reason"]
    kept = record["vmcore"]
    file = tmp_path / kept["file"]
    assert file.stat().st_size == kept["bytes"] < kept["plain_bytes"] // 8
    assert kept["plain_bytes"] > record["guest"]["memory_mib"] << 20

    done = tb("census", file, "--json")
    assert done.code == 0, done.stderr
    counted = record["phases"]["death"]
    of_all = {
        level: counted["census"][level]["tables"] + counted["system"][level]["tables"] for level in ("pte", "pmd")
    }
    found = done.records[0]["processes"]
    assert {level: sum(each["levels"][level]["tables"] for each in found) for level in of_all} == of_all
    assert "die" in [each["name"] for each in found]

    with unpacked_vmcore(file) as plain:
        dump = Program()
        dump.set_core_dump(plain)
        dump.load_debug_info([str(kernel(record["kernel"]["name"]).vmlinux)])
        assert dump["init_uts_ns"].name.release.string_().decode() == record["kernel"]["release"]
        assert find_task(dump, 1).comm.string_() == b"init"


@pytest.mark.night  # a hang takes as long as the kernel may be silent
def test_guest_that_stands_still_leaves_its_memory_too(death, tmp_path):
    record = death("silent-loop")
    assert record["verdict"] == "hang", record["reason"]
    assert (tmp_path / record["vmcore"]["file"]).stat().st_size == record["vmcore"]["bytes"]


def test_picture_of_the_culprits_page_tables_is_of_the_process_that_crashed_the_kernel(death, tmp_path):
    record = death("exception", vmcore=False)
    assert record["verdict"] == "crash", record["reason"]
    assert record["vmcore"] is None
    svg = (tmp_path / "culprit.svg").read_text()
    named = re.search(r">Page tables of die, PID (\d+)<", svg)
    assert "It ran on CPU 0 when the kernel crashed." in svg
    with np.load(tmp_path / "census-death.npz") as kept:
        (owner,) = (at for at, name in enumerate(kept["spaces"]) if name == f"{named[1]} die")
        tables = np.sum((kept["mm"] == owner) & (kept["level"] == 1) & ~kept["deposit"])
    assert f"PTE: {tables} tables" in svg


def test_guest_whose_reset_came_before_any_word_leaves_its_memory_too(death, tmp_path):
    record = death("triple-fault")
    assert record["verdict"] == "crash", record["reason"]
    assert (tmp_path / record["vmcore"]["file"]).is_file()


def test_guest_that_lives_leaves_none(death, tmp_path):
    record = death("say-stdout")
    assert record["verdict"] == "done", record["reason"]
    assert record["vmcore"] is None
    assert not (tmp_path / "vmcore.zst").exists()
