# SPDX-License-Identifier: GPL-2.0-only
import json
import subprocess

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


def test_reading_a_run_makes_no_folders_in_it(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    assert not folder.cell("k/g/benign/x#1").exists()


def test_cell_that_starts_is_on_record_before_it_has_a_folder(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    assert folder.attempt("k/g/x#1").is_dir()
    assert (folder.path / ".attempted").read_text() == "k/g/x#1\n"


def test_attempt_without_a_record_is_lost_and_told_once(tmp_path):
    folder = RunFolder.create(tmp_path, {"cells": ["a", "b", "c"]})
    for name in ("a", "b", "b"):
        folder.attempt(name)
    assert folder.lost({"a"}) == ["b"]


def test_what_lost_attempts_left_is_kept_beside_each_under_its_number(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    for number in (1, 2):
        (folder.attempt("k/g/x#1") / "console.log").write_text(f"attempt {number}")
        aside = folder.set_aside("k/g/x#1")
        assert (aside.name, (aside / "console.log").read_text()) == (f"k~g~x#1.lost-{number}", f"attempt {number}")
    assert folder.set_aside("k/g/x#1") is None


def test_line_after_a_torn_one_stands_on_a_line_of_its_own(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    folder.append({"cell": "a"})
    for name, torn in (("results.jsonl", '{"cell": "b", "verd'), (".attempted", "vanil")):
        with (folder.path / name).open("a") as sink:
            sink.write(torn)
    folder.mend()
    folder.append({"cell": "b"})
    folder.attempt("b")
    assert [record["cell"] for record in folder.records()] == ["a", "b"]
    assert (folder.path / ".attempted").read_text() == "b\n"


@pytest.mark.parametrize("line", ['{"cel', "null", "{}", "\0\0\0"])
def test_line_in_the_middle_that_is_no_record_is_told_with_its_number(line, tmp_path):
    folder = RunFolder.create(tmp_path, {})
    (folder.path / "results.jsonl").write_text(f'{{"cell": "a"}}\n{line}\n{{"cell": "c"}}\n')
    with pytest.raises(SpecError, match=r"results\.jsonl:2: not a record"):
        folder.records()


def test_disk_that_is_full_leaves_no_half_line(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path, {})
    folder.append({"cell": "a"})
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        folder.append({"cell": "b"})
    assert (folder.path / "results.jsonl").read_text() == '{"cell": "a"}\n'


def test_run_is_held_by_one_until_that_one_is_gone(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    other = RunFolder.open(folder.path)
    with pytest.raises(SpecError, match="still under way"):
        other.hold()
    del folder
    other.hold()


def test_program_that_the_holder_starts_does_not_hold_the_run(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    with subprocess.Popen(["sleep", "1000"], close_fds=False) as child:
        try:
            path = folder.path
            del folder
            RunFolder.open(path).hold()
        finally:
            child.kill()


def test_header_that_is_torn_is_refused(tmp_path):
    folder = RunFolder.create(tmp_path, {"cells": []})
    path = folder.path / "run.json"
    path.write_text(path.read_text()[:20])
    with pytest.raises(SpecError, match=r"run\.json: torn"):
        folder.header()


def test_run_is_found_by_its_folder_and_by_its_id(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    assert RunFolder.find(str(folder.path), tmp_path / "elsewhere").id == folder.id
    assert RunFolder.find(folder.id, tmp_path).path == folder.path


def test_run_that_is_not_there_is_told_with_the_latest_that_is(tmp_path):
    folder = RunFolder.create(tmp_path, {})
    with pytest.raises(SpecError, match=f"2026: no run of that name.*the latest there is {folder.id}"):
        RunFolder.find("2026", tmp_path)


def test_run_that_cannot_be_written_is_told_in_one_line(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path, {})
    monkeypatch.setattr("testbed.store.folder.LOCK", "no/such/folder/.lock")
    with pytest.raises(SpecError, match="a run is gone on with where it can be written"):
        RunFolder.open(folder.path).hold()


def test_attempt_that_was_called_off_has_no_record_and_does_not_count(tmp_path):
    folder = RunFolder.create(tmp_path, {"cells": ["a", "b"]})
    for name in ("a", "b"):
        folder.attempt(name)
    folder.append({"cell": "a"})
    folder.call_off()
    assert (folder.path / ".attempted").read_text() == "a\nb\n~b\n"
    assert folder.lost({"a"}) == ["b"]
    assert (folder.attempts("a"), folder.attempts("b")) == (1, 0)


def test_attempt_of_a_process_that_died_counts_though_a_later_one_was_called_off(tmp_path):
    RunFolder.create(tmp_path, {"cells": ["a"]}).attempt("a")
    again = RunFolder.open(next(tmp_path.iterdir()))
    again.attempt("a")
    again.call_off()
    assert again.attempts("a") == 1
