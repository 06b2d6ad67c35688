# SPDX-License-Identifier: GPL-2.0-only
"""A serial line on the bench: a pty pair that a test may listen to and talk into, and an agent in Python at its end."""

import json
import os
import select
import threading
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testbed.machine.serialframe import Answer, Data, Demultiplexer, encode_answer, encode_data


class Bench:
    """``near`` is the device that the testbed opens; what it says comes out of ``far``, a descriptor."""

    def __init__(self) -> None:
        self.far, self._kept = os.openpty()
        tty.setraw(self._kept)
        self.near = os.ttyname(self._kept)

    def close(self) -> None:
        for fd in (self.far, self._kept):
            os.close(fd)


class Bridge(threading.Thread):
    """Carries bytes between two descriptors; ``toll(there, data)`` says what arrives of them."""

    def __init__(self, host: int, agent: int, toll: Callable[[bool, bytes], bytes]) -> None:
        super().__init__(daemon=True)
        self._ways = {host: (agent, True), agent: (host, False)}
        self._toll, self._over = toll, threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            for fd in select.select(list(self._ways), [], [], 0.05)[0]:
                to, there = self._ways[fd]
                os.write(to, self._toll(there, os.read(fd, 4096)))

    def close(self) -> None:
        self._over.set()
        self.join()


class Agent(threading.Thread):
    """Talks as an agent does: answers each command that comes, and has it obeyed by ``obey(agent, command)``."""

    def __init__(self, fd: int, obey: Callable[["Agent", dict[str, str]], None]) -> None:
        super().__init__(daemon=True)
        self._fd, self._obey, self._sent, self._over = fd, obey, 0, threading.Event()
        self.answers: list[int] = []

    def console(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def say(self, kind: str, **fields: Any) -> None:
        self._sent += 1
        self.console(encode_data(self._sent, json.dumps({"type": kind, **fields}).encode()).decode())

    def start_anew(self) -> None:
        self._sent = 0

    def run(self) -> None:
        demultiplexer = Demultiplexer()
        while not self._over.is_set():
            if not select.select([self._fd], [], [], 0.05)[0]:
                continue
            for piece in demultiplexer.feed(os.read(self._fd, 4096)):
                if isinstance(piece, Answer):
                    self.answers.append(piece.number)
                elif isinstance(piece, Data):
                    os.write(self._fd, encode_answer(piece.number))
                    self._obey(self, dict(line.split("=", 1) for line in piece.payload.decode().split("\n")))

    def close(self) -> None:
        self._over.set()
        self.join()


def machine_file(folder: Path, line: str, **changes: str) -> Path:
    """Describe a machine whose power switch writes into ``power.log``."""
    fields = {
        "console": f"{{line: '{line}', tty: ttyS0}}",
        "boot": "{copy_to: netboot, deadline: 2s}",
        "power": "{on: [./switch, on], off: [./switch, off], off_for: 10ms}",
        "memory": "1GiB",
        "cpus": "2",
    } | changes
    (folder / "netboot").mkdir(exist_ok=True)
    switch = folder / "switch"
    switch.write_text('#!/bin/sh\necho "$1" >>power.log\ntest ! -e "broken-$1" || { echo stuck >&2; exit 3; }\n')
    switch.chmod(0o755)
    file = folder / "lab7.yaml"
    file.write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
    return file
