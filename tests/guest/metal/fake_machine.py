# SPDX-License-Identifier: GPL-2.0-only
"""Plays a physical machine: a serial line that is there whether the power is on or off, and a QEMU guest when it is on.

``fake_machine.py DIR`` makes ``DIR/line`` (a pty) and listens on ``DIR/switch``. When somebody says ``on`` there, it
boots ``kernel``, ``initramfs`` and ``cmdline`` of the folder that ``DIR/boots`` names, as a firmware would: without
asking who put them there. Its guest has one CPU and no device but the serial line. ``DIR/power.log`` says what it did.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tty
from pathlib import Path


class FakeMachine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.guest: subprocess.Popen[bytes] | None = None
        self.uart: socket.socket | None = None
        self.line, self.far = os.openpty()  # the far end stays open, else reading the line fails while nobody listens
        tty.setraw(self.far)
        os.set_blocking(self.line, False)
        self.switch = listening(folder / "switch")
        (folder / "line").symlink_to(os.ttyname(self.far))

    def serve(self) -> None:
        while True:
            watched = [self.switch, self.line] + ([self.uart] if self.uart else [])
            ready, _, _ = select.select(watched, [], [])
            if self.switch in ready:
                self.throw()
            if self.line in ready:
                self.pump(lambda: os.read(self.line, 4096), lambda data: self.uart and self.uart.sendall(data))
            if self.uart in ready and self.uart is not None:
                self.pump(lambda: self.uart.recv(4096), lambda data: os.write(self.line, data))

    def pump(self, read, write) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = read()
        with contextlib.suppress(OSError):  # nobody reads the line: its bytes are lost, as on a real one
            write(data)
        if not data and self.uart is not None and self.guest is not None and self.guest.poll() is not None:
            self.uart.close()
            self.uart = None

    def throw(self) -> None:
        """One word a connection; the answer comes when it is done."""
        with self.switch.accept()[0] as asker:
            word = asker.recv(16).decode()
            with (self.folder / "power.log").open("a") as log:
                log.write(f"{word}\n")
            if (self.folder / f"broken-{word}").exists():
                asker.sendall(b"the relay is stuck")
                return
            self.off()
            if word == "on":
                self.on()
            asker.sendall(b"ok")

    def on(self) -> None:
        boots = Path((self.folder / "boots").read_text().strip())
        if not (boots / "kernel").is_file():
            return  # a firmware that finds nothing to boot says nothing
        server = listening(self.folder / "uart")
        argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"]
        argv += ["-machine", "q35", "-accel", (self.folder / "accel").read_text().strip(), "-cpu", "max"]
        argv += ["-smp", "2", "-m", "1024", "-serial", f"unix:{self.folder / 'uart'}"]
        argv += ["-kernel", str(boots / "kernel"), "-initrd", str(boots / "initramfs")]
        argv += ["-append", (boots / "cmdline").read_text().strip()]
        guarded = ["setpriv", "--pdeathsig", "KILL", "--", *argv]
        self.guest = subprocess.Popen(guarded, stdin=subprocess.DEVNULL, start_new_session=True)
        self.uart = server.accept()[0]
        server.close()

    def off(self) -> None:
        if self.guest is not None:
            self.guest.kill()
            self.guest.wait()
            self.guest = None
        if self.uart is not None:
            self.uart.close()
            self.uart = None


def listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    machine = FakeMachine(Path(sys.argv[1]))
    try:
        machine.serve()
    finally:
        machine.off()
