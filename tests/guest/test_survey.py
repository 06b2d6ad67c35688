# SPDX-License-Identifier: GPL-2.0-only
"""The survey beside the allocator of the seed mail, Debian's own, as the guests get it."""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import report, tb

from testbed.build import apt
from testbed.measure.survey import survey

CHURN = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
	enum { OBJECTS = 20000 };
	static char *object[OBJECTS];

	for (int i = 0; i < OBJECTS; i++) {
		object[i] = malloc(1000000);
		object[i][0] = 1;
	}
	for (int i = 0; i < OBJECTS; i++)
		if (i % 1000)
			free(object[i]);
	puts("ready");
	fflush(stdout);
	pause();
}
"""


def jemalloc(folder: Path) -> Path:
    (package,) = apt.ask(["libjemalloc2"], "survey", report)
    subprocess.run(["dpkg-deb", "-x", apt.fetch(package, "survey", report), folder], check=True)
    return next(folder.rglob("libjemalloc.so.2"))


def test_jemalloc_program_that_has_freed_nearly_all_tops_the_list(tmp_path):
    (tmp_path / "churn.c").write_text(CHURN)
    subprocess.run(["gcc", "-O1", "-o", tmp_path / "churn", tmp_path / "churn.c"], check=True)
    preload = {"LD_PRELOAD": str(jemalloc(tmp_path)), "MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0"}
    environment = {**os.environ, **preload}
    with subprocess.Popen([tmp_path / "churn"], stdout=subprocess.PIPE, env=environment, text=True) as churn:
        try:
            assert churn.stdout
            assert churn.stdout.readline() == "ready\n"
            found = survey(None)
            status = Path(f"/proc/{churn.pid}/status").read_text()
        finally:
            churn.kill()
    first = found.processes[0]
    (own,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmPTE:"))
    assert first.pid == churn.pid
    assert abs(first.vmpte_kb - own) <= 0.05 * own
    # twenty objects live on, each in a 2 MiB of its own, beside the program, its stack and its libraries
    assert 20 * 4 <= first.needed_kb <= 0.05 * own


def test_exact_survey_of_a_host_without_debug_info_is_one_line_and_exit_2():
    done = tb("survey", "--exact", "--json")
    if done.code == 0:
        pytest.skip("this host has its kernel's debug info, and was surveyed")
    assert (done.code, len(done.stderr.splitlines())) == (2, 1)
    assert "--exact" in done.stderr
