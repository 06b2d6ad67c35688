# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of a serial line: a device, or a raw TCP connection to a console server. Bytes in, bytes out."""

import fcntl
import os
import select
import socket
import termios
import time
import tty

from testbed.errors import HostError, LineLost

__all__ = ["SerialLine", "open_line"]

READ_BYTES = 1 << 16
CONNECT_S = 10.0
# A line that takes no byte for so long has its flow control on, or hangs in the air.
WRITE_S = 10.0


class SerialLine:
    """An open line; ``where`` is its name for a person. May be read in one thread and written in another."""

    def __init__(self, fd: int, where: str, device: bool) -> None:
        self.where = where
        self._fd = fd
        self._device = device
        os.set_blocking(fd, False)

    def read(self, timeout_s: float) -> bytes:
        """Wait for bytes so long, and give those that are there; LineLost where the line is gone."""
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return b""
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LineLost(f"{self.where}: {error.strerror}; see to the line, and run the cell again") from error
        if not data:
            raise LineLost(f"{self.where}: the other end hung up; see to the line, and run the cell again")
        return data

    def write(self, data: bytes) -> None:
        """Write all of ``data``; LineLost where the line is gone or takes nothing."""
        end = time.monotonic() + WRITE_S
        rest = memoryview(data)
        while rest:
            if not select.select([], [self._fd], [], max(0.0, end - time.monotonic()))[1]:
                raise LineLost(f"{self.where}: takes no bytes; is flow control on, which must be off?")
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise LineLost(f"{self.where}: {error.strerror}; see to the line, and run the cell again") from error

    def send_break(self) -> bool:
        """Send a break, which a kernel takes as the start of a sysrq; False where there is no way to."""
        if not self._device:
            return False
        try:
            termios.tcsendbreak(self._fd, 0)
        except termios.error:
            return False
        return True

    def close(self) -> None:
        """Let go of the line."""
        os.close(self._fd)


def open_line(where: str, baud: int) -> SerialLine:
    """Open a device at ``baud``, raw, for us alone, or connect to ``HOST:PORT``; HostError where that can't be."""
    return _device(where, baud) if where.startswith("/") else _connection(where)


def _device(path: str, baud: int) -> SerialLine:
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        mend = "join the group that owns it" if isinstance(error, PermissionError) else "is the adapter plugged in?"
        raise HostError(f"{path}: {error.strerror}; {mend}") from error
    try:
        _make_raw(fd, baud)
    except termios.error as error:
        os.close(fd)
        raise HostError(f"{path}: no serial line ({error.args[-1]}); name the device of one") from error
    return SerialLine(fd, path, device=True)


def _make_raw(fd: int, baud: int) -> None:
    """No echo, no translation, no flow control, no carrier; what came before is thrown away."""
    tty.setraw(fd, termios.TCSANOW)
    mode = termios.tcgetattr(fd)
    mode[2] = (mode[2] | termios.CLOCAL | termios.CREAD) & ~termios.CRTSCTS
    mode[4] = mode[5] = getattr(termios, f"B{baud}")
    termios.tcsetattr(fd, termios.TCSANOW, mode)
    fcntl.ioctl(fd, termios.TIOCEXCL)
    termios.tcflush(fd, termios.TCIOFLUSH)


def _connection(where: str) -> SerialLine:
    host, _, port = where.rpartition(":")
    try:
        sock = socket.create_connection((host.strip("[]"), int(port)), CONNECT_S)
    except (OSError, OverflowError) as error:
        raise HostError(f"{where}: {error}; is the console server up, and its port in raw mode?") from error
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return SerialLine(sock.detach(), where, device=False)
