# SPDX-License-Identifier: GPL-2.0-only
import time
from pathlib import Path

import pytest

from testbed.build import process
from testbed.errors import BuildError, HostError


def test_failure_shows_the_last_lines_and_where_the_log_is(tmp_path: Path):
    log = tmp_path / "log"
    with pytest.raises(BuildError) as caught:
        process.run(["sh", "-c", "seq 100; echo kernel.c:3: error: no such thing; exit 2"], log)
    text = str(caught.value)
    assert "exit 2" in text
    assert "kernel.c:3: error: no such thing" in text
    assert "  76\n" not in text
    assert str(log) in text


def test_compilers_error_is_shown_though_other_jobs_go_on_long_after_it(tmp_path: Path):
    with pytest.raises(BuildError) as caught:
        process.run(["sh", "-c", "echo kernel.c:3: error: no such thing; seq 100; exit 2"], tmp_path / "log")
    lines = str(caught.value).splitlines()
    assert lines[1:3] == ["  kernel.c:3: error: no such thing", "  76"]


def test_lines_are_seen_as_they_come(tmp_path: Path):
    seen = []
    process.run(["sh", "-c", "echo one; echo two >&2"], tmp_path / "log", on_line=seen.append)
    assert seen == ["one", "two"]


def test_interrupt_takes_the_children_along(tmp_path: Path):
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process.run(
            ["sh", "-c", "sleep 60 & echo $! >pid; echo; wait"], tmp_path / "log", cwd=tmp_path, on_line=interrupt
        )
    child = Path("/proc") / (tmp_path / "pid").read_text().strip()
    for _ in range(50):
        if not child.exists() or "\nState:\tZ" in (child / "status").read_text():
            return
        time.sleep(0.05)
    pytest.fail("the child of an interrupted tool lives on")


def test_pipe_names_the_stage_that_failed():
    process.pipe(["echo", "a"], ["grep", "a"], ["sort"])
    with pytest.raises(BuildError, match="grep b: exit 1"):
        process.pipe(["echo", "a"], ["grep", "b"], ["sort"])


def test_missing_tool_is_the_hosts_fault_and_says_what_to_install():
    with pytest.raises(HostError, match="apt-get install no-such-tool"):
        process.capture(["no-such-tool"])
