# SPDX-License-Identifier: GPL-2.0-only
"""The guest's serial console: the kernel's log, and the agent's line for each phase. Read by pexpect.

It is a pair of named pipes. A socket holds some 270 characters of a guest that writes them one by one, and when it is
full QEMU 7.2 logs a character again each time it tries to send it (``qemu_chr_write_buffer`` in chardev/char.c).

QEMU itself writes the same bytes to ``console.log``, so nothing is lost when the orchestrator dies.
"""

import fcntl
import os
import re
from pathlib import Path

import pexpect
from pexpect.fdpexpect import fdspawn

from testbed.machine.deadline import Deadline

__all__ = ["PIPE_READS", "Console", "make_pipes"]

# What a guest may say while nobody listens; more than any measurement leaves unread. Linux lets all users have it.
PIPE_BYTES = 1 << 20
READ_BYTES = 1 << 16
# As many reads empty a full pipe.
PIPE_READS = PIPE_BYTES // READ_BYTES + 1


def make_pipes(path: Path) -> None:
    """Make what QEMU's ``-chardev pipe,path=PATH`` wants: PATH.in and PATH.out."""
    for name in (_in(path), _out(path)):
        os.mkfifo(name)


def _in(path: Path) -> Path:
    return path.with_suffix(".in")


def _out(path: Path) -> Path:
    return path.with_suffix(".out")


class Console:
    """The console of one machine; ``text`` is all that was read so far."""

    def __init__(self, path: Path) -> None:
        """Open the pipes of a QEMU that has opened them: earlier, the end of a QEMU that is gone would be seen."""
        self._output = os.open(_out(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._input = os.open(_in(path), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._spawn = fdspawn(self._output, encoding="utf-8", codec_errors="replace", maxread=READ_BYTES)
        self._pieces: list[str] = []
        self._told = 0
        self._spawn.logfile_read = self
        self.closed = False

    # pexpect's logfile interface: every byte that is read passes here once
    def write(self, text: str) -> None:
        """Keep what pexpect has just read."""
        self._pieces.append(text)

    def flush(self) -> None:
        """Nothing is buffered here."""

    def fileno(self) -> int:
        """File descriptor, for ``select``."""
        return self._output

    @property
    def text(self) -> str:
        """All console output so far, with plain newlines."""
        return "".join(self._pieces).replace("\r\n", "\n")

    def news(self) -> str:
        """Read what is there without waiting, and give all that came since the last call, newlines as they came."""
        if not self.closed:
            try:
                self._spawn.expect([pexpect.TIMEOUT], timeout=0)
            except (pexpect.EOF, OSError):
                self.closed = True
        pieces = self._pieces[self._told :]
        self._told = len(self._pieces)
        return "".join(pieces)

    def send(self, text: str) -> None:
        """Send what a person would type; lost where QEMU is gone."""
        try:
            os.write(self._input, text.encode())
        except OSError:
            self.closed = True

    def expect(self, pattern: str, deadline: Deadline) -> re.Match[str] | None:
        """Wait for ``pattern`` (a regular expression); None when the deadline passes or the console closes."""
        try:
            index = self._spawn.expect([pattern, pexpect.TIMEOUT, pexpect.EOF], timeout=deadline.left_s)
        except OSError:
            self.closed = True
            return None
        match = self._spawn.match
        return match if index == 0 and isinstance(match, re.Match) else None

    def close(self) -> None:
        """Close our ends; QEMU keeps logging to the file."""
        self.closed = True
        os.close(self._output)
        os.close(self._input)
