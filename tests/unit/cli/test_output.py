# SPDX-License-Identifier: GPL-2.0-only
import os
import pty

import pytest

from testbed.cli import output


@pytest.mark.parametrize("gone", [pty.openpty, os.pipe], ids=["terminal", "pipe"])
def test_line_that_nobody_reads_any_more_is_lost_without_an_exception(gone, monkeypatch):
    ours, theirs = gone()
    with os.fdopen(theirs, "w", buffering=1) as stream:
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setattr("sys.stderr", stream)
        os.close(ours)
        output.say("a line")
        output.fail("a line")


def test_disk_that_is_full_under_stdout_is_told():
    with open("/dev/full", "w") as full, pytest.MonkeyPatch.context() as patch:  # noqa: PTH123
        patch.setattr("sys.stdout", full)
        with pytest.raises(OSError, match="No space"):
            output.say("a line")
        with pytest.raises(OSError, match="No space"):
            full.close()
