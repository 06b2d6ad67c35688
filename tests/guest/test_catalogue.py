# SPDX-License-Identifier: GPL-2.0-only
"""The catalogue of bugs, each on the kernels that have it and on those that have not."""

from pathlib import Path

import pytest
from conftest import ROOT, tb

from testbed.spec import list_bugs


@pytest.mark.night
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("bug", list_bugs(ROOT))
def test_bug_of_the_catalogue_is_where_its_file_says(bug: str, tmp_path: Path):
    done = tb("reproduce", bug, "--out", tmp_path)
    assert done.code == 0, done.stdout + done.stderr


def test_pmd_tables_stay_on_every_kernel_that_there_is_so_the_gap_is_told(tmp_path: Path):
    done = tb("reproduce", "bugs/pmd-eater", "-n", "1", "--kernel", "ptreclaim-6.12", "--json", "--out", tmp_path)
    assert done.code == 0, done.stderr
    row = done.records[0]
    assert (row["shown"], row["runs"], row["expected"]) == (1, 1, "reproduced")
    assert "not freed yet" in row["gap"]
