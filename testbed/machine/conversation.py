# SPDX-License-Identifier: GPL-2.0-only
"""The agent's frames over a serial line: each is answered, one without an answer is sent again.

A thread reads each line as long as the machine runs, so that nothing is lost while the orchestrator measures.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from testbed.errors import GuestHung, GuestLost, LineLost, MachineError
from testbed.machine.deadline import Deadline
from testbed.machine.serialframe import (
    LONGEST_COMMAND,
    Answer,
    Data,
    Demultiplexer,
    encode_answer,
    encode_data,
)
from testbed.machine.serialline import SerialLine

__all__ = ["Conversation", "Reader"]

# An agent that is well answers as soon as it has the frame; a bit takes 1/baud seconds, a byte ten bits.
RESEND_S = 1.0
BITS_PER_BYTE = 10
# So long a frame may pause on its way before its beginning is taken for text.
QUIET_S = 1.0
TICK_S = 0.1


class Reader:
    """A thread that reads one line; ``lost`` is why it ended, if it was not closed."""

    def __init__(self, line: SerialLine, text: Callable[[bytes], None], frame: Callable[[Data | Answer], None]) -> None:
        self.lost: LineLost | None = None
        self._line, self._text, self._frame = line, text, frame
        self._demultiplexer = Demultiplexer()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"line {line.where}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and let go of the line; what was held back is text."""
        self._over.set()
        self._thread.join()
        self._text(self._demultiplexer.give_up())
        self._line.close()

    def _read(self) -> None:
        demultiplexer, heard = self._demultiplexer, time.monotonic()
        try:
            while not self._over.is_set():
                data = self._line.read(TICK_S)
                if data:
                    heard = time.monotonic()
                    self._hand_out(demultiplexer.feed(data))
                elif demultiplexer.holding and time.monotonic() - heard >= QUIET_S:
                    self._text(demultiplexer.give_up())
        except LineLost as lost:
            self.lost = lost
        except OSError as error:
            self.lost = LineLost(f"what {self._line.where} says can't be kept: {error.strerror}")

    def _hand_out(self, pieces: Iterable[bytes | Data | Answer]) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                self._text(piece)
            else:
                self._frame(piece)


class Conversation:
    """Frames to and from one boot of a machine. ``take`` is for the reader's thread, all else for the driver's."""

    def __init__(self, line: SerialLine, baud: int) -> None:
        self._line, self._baud = line, baud
        self._writing = threading.Lock()
        self._messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._answered = threading.Condition()
        self._answer = self._sent = self._got = 0
        self._first = b""
        self.restarted = False

    def take(self, frame: Data | Answer) -> None:
        """Answer a frame and keep it, unless it came before; LineLost where the line takes no answer."""
        if isinstance(frame, Answer):
            with self._answered:
                if frame.number == self._sent:
                    self._answer = frame.number
                    self._answered.notify_all()
            return
        if frame.number == 1 and self._got and frame.payload != self._first:
            self.restarted = True  # an agent's first word comes once a boot, and names it
            return
        if frame.number == self._got + 1:
            self._got = frame.number
            self._first = self._first or frame.payload
            self._messages.put(frame.payload)
        if frame.number <= self._got:
            self._write(encode_answer(frame.number))

    def message(self, wait_s: float) -> dict[str, Any] | None:
        """Give the next message, or None if none comes in that time; GuestLost where it is none of an agent's."""
        try:
            payload = self._messages.get(timeout=wait_s)
        except queue.Empty:
            return None
        try:
            message = json.loads(payload)
        except (ValueError, RecursionError):
            raise GuestLost(f"serial line: frame that is no JSON: {payload[:80]!r}") from None
        if not isinstance(message, dict) or "type" not in message:
            raise GuestLost(f"serial line: frame without a type: {payload[:80]!r}")
        return message

    def send(self, pairs: Iterable[tuple[str, str]], deadline: Deadline, check: Callable[[], None]) -> None:
        """Send one command until it is answered, asking ``check`` meanwhile whether the machine lives.

        Raises GuestHung where the deadline passes first, ValueError for what is no command.
        """
        payload = _payload(pairs)
        self._sent += 1
        line = encode_data(self._sent, payload)
        patience_s = RESEND_S + len(line) * BITS_PER_BYTE / self._baud
        while True:
            self._write(line)
            again = min(time.monotonic() + patience_s, deadline.at)
            while self._answer < self._sent and time.monotonic() < again:
                with self._answered:
                    self._answered.wait(TICK_S)
                check()
            if self._answer >= self._sent:
                return
            if deadline.passed:
                raise GuestHung(f"the agent did not take a command in {deadline.allowed_s:.1f} s")

    def _write(self, data: bytes) -> None:
        with self._writing:
            self._line.write(data)


def _payload(pairs: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"{key}={value}" for key, value in pairs]
    if any("\n" in line for line in lines):
        raise ValueError("a value for the agent may not hold a newline")
    payload = "\n".join(lines).encode()
    if len(payload) > LONGEST_COMMAND:
        raise MachineError(f"a command of {len(payload)} bytes; over a serial line it may have {LONGEST_COMMAND}")
    return payload
