# SPDX-License-Identifier: GPL-2.0-only
"""Workloads of a bug's own, in real guests: a C file beside the bug file, and lines for the shell."""

import json

import pytest
from conftest import ROOT, report

from testbed.build import build_guest
from testbed.run.conduct import conduct
from testbed.run.drive import OUTPUT
from testbed.run.plan import Cell, Request
from testbed.spec import load_bug, load_guest

KERNEL = "vanilla-6.12"
HEADER = "#define STEP (2UL << 20)\n"
PROGRAM = """\
#include "own-c.h"
#include "tb.h"

int main(int argc, char **argv)
{
	unsigned long span = tb_size(argc, argv, "span", STEP);
	char *base = tb_map(span);

	tb_no_huge_pages();
	tb_phase("start");
	for (unsigned long at = 0; at < span; at += STEP)
		base[at] = 1;
	tb_value("touched", span / STEP);
	tb_phase("full");
	puts("own C workload was here");
	return 0;
}
"""
BUG = """\
title: {title}
report: nobody's
guest: {guest}
{what}
params: {{span: 128MiB, how-often: 3, word: "a b"}}
phases: [start, full]
deadline: 30s
kernel: vanilla-6.12
signature:
  - metric: full.vmpte_kb > 100
"""
SHELL = """\
shell: |
  tb-phase start
  for i in $(seq "$how_often"); do
    mkdir -p "/run/$word/$i"
  done
  tb-value made "$(ls "/run/$word" | wc -l)"
  tb-value span "$span"
  tb-phase full
  tb-phase "two words" || echo "refused with $?"
  tb-value many 1x || echo "refused with $?"\
"""


def written(folder, name: str, what: str, guest: str = "minimal"):
    path = folder / f"{name}.yaml"
    path.write_text(BUG.format(title=name, what=what, guest=guest))
    return load_bug(ROOT, path)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What a bug's workload left: its record, what it printed, and all that it marked."""

    def run(bug):
        cell = Cell(bug.kernels[0], bug.guest(ROOT), bug.scenario.at(bug.scale), 1)
        done = conduct(Request(ROOT), [cell], tmp_path_factory.mktemp("runs"), report, lambda record: None)
        (record,) = done.records
        assert record["verdict"] == "done", record["reason"]
        folder = done.folder.cell(cell.name)
        marks = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
        return record, (folder / OUTPUT).read_text(), marks

    return run


def values(marks) -> dict[str, int]:
    return {mark["key"]: mark["value"] for mark in marks if mark["type"] == "value"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bugs")
    (folder / "own-c.c").write_text(PROGRAM)
    (folder / "own-c.h").write_text(HEADER)
    return folder


def test_a_c_program_beside_the_bug_file_runs_through_its_phases_with_the_headers_of_both_folders(folder, ran):
    record, output, marks = ran(written(folder, "in-c", "workload: own-c"))
    assert record["cell"] == "vanilla-6.12/minimal/bugs/in-c#1"
    assert record["scenario"]["kind"] == "bug"
    assert list(record["phases"]) == ["start", "full"]
    assert record["phases"]["full"]["vmpte_kb"] - record["phases"]["start"]["vmpte_kb"] >= 64 * 4
    assert all(numbers["agree"] for numbers in record["phases"].values())
    assert values(marks) == {"touched": 64}
    assert "own C workload was here" in output


@pytest.mark.parametrize("guest", ["minimal", "allocators"])  # linked statically, and not
def test_lines_for_the_shell_get_parameters_as_variables_and_mark_phases(folder, ran, guest):
    record, output, marks = ran(written(folder, "in-shell", SHELL, guest))
    assert list(record["phases"]) == ["start", "full"]
    assert all(numbers["agree"] for numbers in record["phases"].values())
    assert values(marks) == {"made": 3, "span": 128 << 20}
    assert output.count("refused with 1") == 2


def test_only_a_bugs_own_guest_has_another_image_and_its_key_follows_what_the_program_includes(folder):
    plain = load_guest(ROOT, "minimal")
    bug = written(folder, "keyed", "workload: own-c")
    before = build_guest(ROOT, bug.guest(ROOT), report)
    assert build_guest(ROOT, bug.guest(ROOT), report).cached
    assert before.key != build_guest(ROOT, plain, report).key
    (folder / "own-c.h").write_text(HEADER + "#define MORE 1\n")
    assert build_guest(ROOT, bug.guest(ROOT), report).key != before.key
