# SPDX-License-Identifier: GPL-2.0-only
r"""The data channel to the guest's agent: frames over a virtio-serial port.

A frame is ``TB <length> <crc32>\n``, then the payload, then ``\n``. The host sends ``key=value`` lines, the agent sends
one JSON object. Nothing but the agent writes to this port, so a frame that does not parse means a broken guest.
"""

import binascii
import json
import socket
from collections.abc import Iterable
from typing import Any

from testbed.errors import GuestLost

__all__ = ["Channel", "decode", "encode"]

LONGEST_PAYLOAD = 65536
LONGEST_HEADER = 32


def encode(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Make a frame of ``key=value`` lines; a newline in a value is a programming error (ValueError)."""
    lines = [f"{key}={value}" for key, value in pairs]
    if any("\n" in line for line in lines):
        raise ValueError("a value for the agent may not hold a newline")
    payload = "\n".join(lines).encode()
    return b"TB %d %08x\n%s\n" % (len(payload), binascii.crc32(payload), payload)


def decode(buffer: bytearray) -> dict[str, Any] | None:
    """Take one whole frame off the front of ``buffer``; None while it is incomplete.

    Raises GuestLost on bytes that are no frame.
    """
    end = buffer.find(b"\n", 0, LONGEST_HEADER)
    if end < 0:
        if len(buffer) >= LONGEST_HEADER:
            raise GuestLost(f"data channel: no frame header in {bytes(buffer[:LONGEST_HEADER])!r}")
        return None
    try:
        mark, length_text, crc_text = buffer[:end].split(b" ")
        length, crc = int(length_text), int(crc_text, 16)
        if mark != b"TB" or not 0 <= length <= LONGEST_PAYLOAD:
            raise ValueError
    except ValueError:
        raise GuestLost(f"data channel: bad frame header {bytes(buffer[:end])!r}") from None
    start, stop = end + 1, end + 1 + length
    if len(buffer) <= stop:
        return None
    payload = bytes(buffer[start:stop])
    if binascii.crc32(payload) != crc or buffer[stop] != 0x0A:
        raise GuestLost("data channel: frame with a wrong checksum")
    del buffer[: stop + 1]
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        raise GuestLost(f"data channel: frame that is no JSON: {payload[:80]!r}") from None
    if not isinstance(message, dict) or "type" not in message:
        raise GuestLost(f"data channel: frame without a type: {payload[:80]!r}")
    return message


class Channel:
    """One connected data channel; single-threaded."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.setblocking(False)
        self._buffer = bytearray()
        self.closed = False

    def fileno(self) -> int:
        """File descriptor, for ``select``."""
        return self._sock.fileno()

    def send(self, *pairs: tuple[str, str]) -> None:
        """Send one command; GuestLost when QEMU has closed the port."""
        try:
            self._sock.setblocking(True)
            self._sock.sendall(encode(pairs))
            self._sock.setblocking(False)
        except OSError as error:
            raise GuestLost(f"data channel: {error.strerror}") from error

    def poll(self) -> dict[str, Any] | None:
        """Read what is there, without waiting, and give the next message if one is whole."""
        message = decode(self._buffer)
        if message is not None:
            return message
        try:
            data = self._sock.recv(1 << 16)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.closed = True
        self._buffer += data
        return decode(self._buffer)

    def close(self) -> None:
        """Close the connection; QEMU keeps the port."""
        self._sock.close()
