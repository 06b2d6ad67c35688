# SPDX-License-Identifier: GPL-2.0-only
import json

import pytest

from testbed.errors import SpecError
from testbed.store.folder import RunFolder


def test_two_runs_in_one_second_get_folders_of_their_own(tmp_path):
    first, second = (RunFolder.create(tmp_path, {"argv": []}) for _ in range(2))
    assert first.path != second.path
    assert json.loads((second.path / "run.json").read_text())["run"] == second.id


def test_record_that_a_crash_cut_off_is_left_out(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    folder.append({"cell": "a"})
    with (folder.path / "results.jsonl").open("a") as sink:
        sink.write('{"cell": "b", "verd')
    assert folder.records() == [{"cell": "a"}]


def test_records_come_in_the_order_of_the_plan_not_as_they_finished(tmp_path):
    folder = RunFolder.create(tmp_path, {"cells": ["a", "b", "c"]})
    for cell in ("c", "a", "b"):
        folder.append({"cell": cell})
    assert [record["cell"] for record in folder.records()] == ["a", "b", "c"]


def test_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(SpecError, match="not a run's folder"):
        RunFolder.open(tmp_path)


def test_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SpecError, match=r"--out .*file: .*; name a folder that can be written to"):
        RunFolder.create(tmp_path / "file", {})


def test_cell_name_becomes_one_folder(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    assert folder.cell("k/g/benign/x#1").parent == folder.path / "cells"
