# SPDX-License-Identifier: GPL-2.0-only
"""What a task looks like to a scheduler that has never heard of the testbed."""

import subprocess
import sys

import pytest
from distributed.protocol.pickle import dumps

from testbed.errors import SpecError
from testbed.run.cluster.parcel import opened, parcel
from testbed.spec.units import parse_size


def test_what_is_in_a_parcel_is_called_with_what_stands_behind_it():
    assert opened(parcel(parse_size, "4KiB")) == 4096
    assert opened(parcel(isinstance, 3), int) is True


def test_what_it_raises_comes_out():
    with pytest.raises(SpecError, match="of its own"):
        opened(parcel(fail))


def test_task_can_be_unpacked_where_there_is_no_testbed(tmp_path):
    (tmp_path / "task").write_bytes(dumps((opened, parcel(parse_size, "4KiB"))))
    program = (
        "import pathlib, pickle, sys\n"
        "sys.modules['testbed'] = None  # importing it raises\n"
        "function, _ = pickle.loads(pathlib.Path('task').read_bytes())\n"
        "print(function.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "opened\n", done.stderr


def fail() -> None:
    raise SpecError("of its own")
