# SPDX-License-Identifier: GPL-2.0-only
import signal
import subprocess
import sys

import pytest

from testbed.machine.sockets import socket_folder, sweep

OWNER = """
import time
from testbed.machine.sockets import socket_folder
with socket_folder() as folder:
    (folder / "qmp").touch()
    print(folder.name, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_folder_is_there_for_the_block_and_no_longer():
    with socket_folder() as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_folder_of_a_live_owner_stays_and_of_a_dead_one_goes(temporary):
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    folder = temporary / owner.stdout.readline().strip()
    sweep()
    assert folder.is_dir()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    sweep()
    assert not folder.exists()


def test_owner_in_another_container_is_known_by_its_lock(temporary):
    with socket_folder() as folder:
        foreign = folder.rename(temporary / "tb-999999999-1-abcdefgh")
        sweep()
        assert foreign.is_dir()
        foreign.rename(folder)


def test_pid_that_came_round_again_is_not_taken_for_the_owner(temporary):
    (temporary / "tb-1-999999999999-abcdefgh").mkdir()
    sweep()
    assert list(temporary.iterdir()) == []


def test_folders_of_others_are_left_alone(temporary):
    for name in ("tb-test-1-abc", "tb-abcdefgh", "other"):
        (temporary / name).mkdir()
    sweep()
    assert len(list(temporary.iterdir())) == 3
