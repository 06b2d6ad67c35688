# SPDX-License-Identifier: GPL-2.0-only
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testbed.build import cache
from testbed.errors import BuildError


def test_second_builder_uses_what_the_first_made():
    made = []

    def make(entry: Path) -> None:
        made.append(entry)
        (entry / "file").write_text("content")

    first, was_there = cache.get_or_make("kind", "key", make)
    assert not was_there
    second, was_there = cache.get_or_make("kind", "key", make)
    assert was_there
    assert first == second == cache.look_up("kind", "key")
    assert len(made) == 1
    assert (second / "file").read_text() == "content"


def test_two_builders_at_once_share_one():
    made = []
    told = []

    def make(entry: Path) -> None:
        made.append(entry)
        time.sleep(0.3)
        (entry / "file").touch()

    with ThreadPoolExecutor(4) as pool:
        waits = [pool.submit(cache.get_or_make, "kind", "key", make, lambda: told.append("waits")) for _ in range(4)]
        results = [wait.result() for wait in waits]
    assert len(made) == 1
    assert len({entry for entry, _ in results}) == 1
    assert sorted(was_there for _, was_there in results) == [False, True, True, True]
    assert len(told) == 3


def test_failed_build_leaves_nothing(work_is_empty):
    def make(entry: Path) -> None:
        (entry / "half").touch()
        raise BuildError("no")

    with pytest.raises(BuildError):
        cache.get_or_make("kind", "key", make)
    assert cache.look_up("kind", "key") is None
    assert work_is_empty()


BUILDER = """
import sys, time
from testbed.build import cache, process

def make(entry):
    (entry / "half").touch()
    print("begun", flush=True)
    process.run(["sleep", "60"], entry / "log")

cache.get_or_make("kind", "key", make)
"""


def test_killed_builder_leaves_nothing_half_made_and_no_child(cache_folder: Path, work_is_empty):
    builder = subprocess.Popen([sys.executable, "-c", BUILDER], stdout=subprocess.PIPE, text=True)
    assert builder.stdout
    assert builder.stdout.readline() == "begun\n"
    children = _wait_for(lambda: _children(builder.pid))
    os.kill(builder.pid, signal.SIGKILL)
    builder.wait()
    builder.stdout.close()
    assert cache.look_up("kind", "key") is None
    assert _wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children))

    assert list((cache_folder / "work").iterdir())
    _, was_there = cache.get_or_make("kind", "key", lambda entry: (entry / "whole").touch())
    assert not was_there
    assert work_is_empty()


def test_work_folder_of_a_living_builder_is_left_alone():
    with cache.work_folder() as first:
        (first / "file").touch()
        with cache.work_folder():
            pass
        assert (first / "file").exists()


def test_fact_that_was_never_recorded_is_none():
    assert cache.recorded("compiles") is None
    cache.record("compiles", 12)
    assert cache.recorded("compiles") == 12


def _children(pid: int) -> list[int]:
    """The tool, once it is itself and no longer the setpriv that starts it."""
    children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [child for child in children if Path(f"/proc/{child}/comm").read_text() == "sleep\n"]


def _wait_for(answer):
    for _ in range(100):
        value = answer()
        if value:
            return value
        time.sleep(0.05)
    return answer()
