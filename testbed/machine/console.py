# SPDX-License-Identifier: GPL-2.0-only
"""The guest's serial console: the kernel's log, and the agent's line for each phase. Read by pexpect.

QEMU itself writes the same bytes to ``console.log``, so nothing is lost when the orchestrator dies.
"""

import re
import socket

import pexpect
from pexpect.fdpexpect import fdspawn

from testbed.machine.deadline import Deadline

__all__ = ["Console"]


class Console:
    """The console of one machine; ``text`` is all that was read so far."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._spawn = fdspawn(sock, encoding="utf-8", codec_errors="replace", maxread=1 << 16)
        self._pieces: list[str] = []
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
        return self._sock.fileno()

    @property
    def text(self) -> str:
        """All console output so far, with plain newlines."""
        return "".join(self._pieces).replace("\r\n", "\n")

    def drain(self) -> None:
        """Read what is there without waiting."""
        try:
            self._spawn.expect([pexpect.TIMEOUT], timeout=0)
        except (pexpect.EOF, OSError):
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
        """Close the connection; QEMU keeps logging to the file."""
        self._sock.close()
