# SPDX-License-Identifier: GPL-2.0-only
"""The QEMU process: started so that it cannot outlive its orchestrator, ended by a ladder of ever harder means."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from testbed.errors import LaunchFailed

__all__ = ["QemuProcess"]

QUIT_S = 2.0
# The kernel kills QEMU when we die, even by SIGKILL (PR_SET_PDEATHSIG). Had we died before that was set, nobody would:
# so the child looks once more whose child it is, and only then becomes QEMU.
GUARD = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'


class QemuProcess:
    """A running QEMU. The thread that creates it must live as long as the guest: PR_SET_PDEATHSIG is per thread."""

    def __init__(self, argv: Sequence[str], stderr: Path) -> None:
        self._stderr = stderr
        # A session of its own keeps a terminal's ^C from QEMU, so that the cell can end the guest in order.
        guarded = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", GUARD, "sh", str(os.getpid()), *argv]
        try:
            with stderr.open("wb") as sink:
                self._popen = subprocess.Popen(
                    guarded, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
                )
        except OSError as error:
            raise LaunchFailed(f"{guarded[0]}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        """Process id (the guards exec QEMU, so it is QEMU's)."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """Exit status, negative signal number, or None while it runs."""
        return self._popen.poll()

    def stderr(self) -> str:
        """What QEMU has said so far."""
        return self._stderr.read_text(errors="replace").strip()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; whether it came in time."""
        end = time.monotonic() + seconds
        while self._popen.poll() is None:
            if time.monotonic() >= end:
                return False
            time.sleep(0.01)
        return True

    def kill(self) -> None:
        """End it at once; for a guest whose memory nobody wants to see."""
        self._popen.kill()
        self._popen.wait()

    def end(self) -> None:
        """Make sure that it is gone: wait for a quit under way, then SIGTERM, then SIGKILL."""
        for nudge in (None, signal.SIGTERM, signal.SIGKILL):
            if nudge is not None:
                self._popen.send_signal(nudge)
            if self.wait(QUIT_S):
                return
