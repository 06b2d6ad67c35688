# SPDX-License-Identifier: GPL-2.0-only
"""Frames on a serial line that others write to as well, and how they are told from what the others say.

A frame is one line, ``TB D<number> <base64 of the payload> <crc32>``, its answer is ``TB A<number> <crc32>``; the
checksum is that of what stands between ``TB `` and the last blank. Neither holds a character that all kernel messages
begin with (``<`` or ``[``), so a message that cuts into a frame is told at once; what is left of the frame is text.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["LONGEST_COMMAND", "Answer", "Data", "Demultiplexer", "encode_answer", "encode_data"]

#: Bytes of a payload that the agent takes (COMMAND_MAX in guests/agent/serial.c).
LONGEST_COMMAND = 16384
# FRAME_MAX of guests/agent/agent.h in base64, with all that stands around it.
LONGEST_LINE = 65536 * 4 // 3 + 64
MARK = b"TB "
_RUN = re.compile(rb"[A-Za-z0-9+/= ]*")
_BODY = re.compile(
    rb"(?:A(?P<answer>[0-9]{1,10})|D(?P<data>[0-9]{1,10}) (?P<text>[A-Za-z0-9+/]*={0,2})) (?P<crc>[0-9a-f]{8})"
)


@dataclass(frozen=True)
class Data:
    """A frame with something to say."""

    number: int
    payload: bytes


@dataclass(frozen=True)
class Answer:
    """Frame ``number`` has come."""

    number: int


Piece = bytes | Data | Answer


def encode_data(number: int, payload: bytes) -> bytes:
    """Make the line of a frame."""
    return _line(b"D%d %s" % (number, base64.b64encode(payload)))


def encode_answer(number: int) -> bytes:
    """Make the line of an answer."""
    return _line(b"A%d" % number)


def _line(body: bytes) -> bytes:
    return b"TB %s %08x\n" % (body, binascii.crc32(body))


class Demultiplexer:
    """Takes bytes as they come, in pieces of any size; gives frames, and all else unchanged and in order."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def holding(self) -> bool:
        """Whether something is held back, as it may become a frame."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[Piece]:
        """Take ``data``; text comes in as few pieces as can be."""
        self._held += data
        pieces: list[Piece] = []
        for piece in self._cut():
            if isinstance(piece, bytes) and pieces and isinstance(pieces[-1], bytes):
                pieces[-1] += piece
            elif piece:
                pieces.append(piece)
        return pieces

    def give_up(self) -> bytes:
        """Give what was held back as text: the line has been quiet for too long for it to become a frame."""
        text = bytes(self._held)
        self._held.clear()
        return text

    def _cut(self) -> Iterator[Piece]:
        held = self._held
        while held:
            start = held.find(MARK)
            if start < 0:
                yield self._take(len(held) - _half_mark(held))
                return
            yield self._take(start)
            run = _RUN.match(held)
            end = run.end() if run else 0
            if end == len(held) and end <= LONGEST_LINE:
                return
            if end == len(held) or held[end] != 0x0A:
                yield self._take(end)  # no frame begins in all that: none would end
            else:
                yield from self._frame(end)

    def _frame(self, end: int) -> Iterator[Piece]:
        """Cut the first frame out of a run that a newline ends; the rest of a torn one may stand before it."""
        held, start = self._held, 0
        while start >= 0:
            frame = _parse(bytes(held[start + len(MARK) : end]))
            if frame is not None:
                yield self._take(start)
                del held[: end + 1 - start]
                yield frame
                return
            start = held.find(MARK, start + 1, end)
        yield self._take(end + 1)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken


def _half_mark(held: bytearray) -> int:
    """Give how many of the last bytes may be the beginning of a mark."""
    return next((size for size in (2, 1) if held.endswith(MARK[:size])), 0)


def _parse(body: bytes) -> Data | Answer | None:
    match = _BODY.fullmatch(body)
    if match is None or binascii.crc32(body[:-9]) != int(match["crc"], 16):
        return None
    if match["answer"]:
        return Answer(int(match["answer"]))
    try:
        return Data(int(match["data"]), base64.b64decode(match["text"], validate=True))
    except binascii.Error:
        return None
