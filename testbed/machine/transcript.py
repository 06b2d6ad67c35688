# SPDX-License-Identifier: GPL-2.0-only
"""What a machine's console has said, kept by the thread that reads the line and asked by the one that drives it."""

import codecs
import re
import threading
from pathlib import Path

from testbed.machine.deadline import Deadline

__all__ = ["Transcript"]


class Transcript:
    """Grows only; the same bytes go to ``log``, so that nothing is lost when the orchestrator dies."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab", buffering=0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._grown = threading.Condition()
        self._text = ""
        self._told = 0
        self._expected = 0

    def write(self, data: bytes) -> None:
        """Add what the console has said."""
        self._log.write(data)
        with self._grown:
            self._text += self._decoder.decode(data)
            self._grown.notify_all()

    @property
    def text(self) -> str:
        """All of it, with plain newlines."""
        with self._grown:
            return self._text.replace("\r\n", "\n")

    def news(self) -> str:
        """Give all that came since the last call, newlines as they came."""
        with self._grown:
            news = self._text[self._told :]
            self._told = len(self._text)
        return news

    def expect(self, pattern: str, deadline: Deadline) -> str | None:
        """Wait for a regular expression behind what was last waited for; the matched text, or None."""
        compiled = re.compile(pattern)
        with self._grown:
            while (match := compiled.search(self._text, self._expected)) is None:
                if deadline.passed:
                    return None
                self._grown.wait(deadline.left_s)
            self._expected = match.end()
        return match.group(0)

    def close(self) -> None:
        """Nothing is written any more."""
        self._log.close()
