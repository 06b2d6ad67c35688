# SPDX-License-Identifier: GPL-2.0-only
"""Whoever imports may be killed at any time, and others may import the same."""

import subprocess
import sys
import time
from pathlib import Path

from nights import from_records, name_of, night

from testbed.store.folder import RunFolder
from testbed.store.history import Imported, open_history

# Stops for good when all is written and nothing is committed.
STOPS_MIDWAY = """
import sys, time
from pathlib import Path
from testbed.store.folder import RunFolder
from testbed.store.history import importer, open_history

write = importer._Numbers.write
def stop(numbers, connection):
    write(numbers, connection)
    print("midway", flush=True)
    time.sleep(600)
importer._Numbers.write = stop
with open_history(sys.argv[1]) as history:
    history.import_run(RunFolder.open(Path(sys.argv[2])))
"""
IMPORTS_ALL = """
import sys
from pathlib import Path
from testbed.store.folder import RunFolder
from testbed.store.history import open_history

with open_history(sys.argv[1]) as history:
    for path in sys.argv[2:]:
        history.import_run(RunFolder.open(Path(path)))
        print(path, flush=True)
"""


def start(program: str, url: str, *folders: RunFolder) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", program, url, *(str(folder.path) for folder in folders)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def test_import_that_is_killed_midway_leaves_nothing_and_the_next_one_all(url: str, tmp_path: Path) -> None:
    before, folder = night(tmp_path, 0), night(tmp_path, 1)
    with open_history(url) as history:
        history.import_run(before)
    process = start(STOPS_MIDWAY, url, folder)
    assert process.stdout and process.stdout.readline() == "midway\n"
    kill(process)
    with open_history(url) as history:
        assert history.series() == from_records(before)
        assert [row.id for row in history.runs()] == [before.id]
        assert history.import_run(folder) == Imported(folder.id, cells=4, added=4, replaced=0)
        assert history.series() == from_records(before, folder)


def test_process_that_is_killed_at_any_time_leaves_whole_runs_only(url: str, tmp_path: Path) -> None:
    folders = [night(tmp_path, number) for number in range(30)]
    for wait in (0.0, 0.005, 0.01):
        process = start(IMPORTS_ALL, url, *folders)
        assert process.stdout and process.stdout.readline()
        time.sleep(wait)  # into whatever it does then
        kill(process)
        with open_history(url) as history:
            there = {row.id for row in history.runs()}
            assert name_of(0) in there
            assert history.series() == from_records(*(folder for folder in folders if folder.id in there))
    with open_history(url) as history:
        for folder in folders:
            history.import_run(folder)
        assert history.series() == from_records(*folders)


def test_processes_that_import_the_same_runs_at_once_leave_them_once(url: str, tmp_path: Path) -> None:
    folders = [night(tmp_path, number) for number in range(10)]
    importers = [start(IMPORTS_ALL, url, *folders) for _ in range(2)]
    for importer in importers:
        importer.communicate(timeout=100)
    assert [importer.returncode for importer in importers] == [0, 0]
    with open_history(url) as history:
        assert [row.cells for row in history.runs()] == [4] * 10
        assert history.series() == from_records(*folders)
