# SPDX-License-Identifier: GPL-2.0-only
"""Whether a guest lives: its console, its monitor's events, QEMU's stderr and exit, looked at together."""

import signal
import time
from typing import Protocol

from testbed.errors import GuestLost, QemuKilled
from testbed.machine.console import Console
from testbed.machine.process import QemuProcess
from testbed.machine.qmp import Qmp

__all__ = ["Watch", "check", "hear_out"]

# A dying kernel goes on printing for a moment; its report is whole once the console has been quiet for a while, or
# the guest has stopped.
QUIET_S = 0.3
LAST_WORDS_S = 1.2
TICK_S = 0.02
# QEMU handles the first three itself, ends in order and says so.
OUTSIDE_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
OUTSIDE_REASONS = ("host-signal", "host-qmp-quit", "host-ui", "host-error")


class Watch(Protocol):
    """Reads a console as it comes, and knows what death looks like there."""

    def read(self, piece: str) -> None:
        """Take what the console has said since the last call."""

    def alarmed(self) -> bool:
        """Whether there is a sign of death; asked often, so it must be quick."""

    def death(self) -> str | None:
        """Name the death now that the console has settled; None if the sign was no death after all."""


def check(process: QemuProcess, qmp: Qmp, console: Console, watch: Watch) -> None:
    """Raise GuestLost or QemuKilled with the reason if anything says that the guest is dead."""
    watch.read(console.news())
    panicked = qmp.event("GUEST_PANICKED") is not None
    if panicked or watch.alarmed():
        hear_out(qmp, console, watch)
        death = watch.death()
        if death is not None:
            raise GuestLost(death)
        if panicked or qmp.event("GUEST_PANICKED") is not None:
            raise GuestLost("the guest reported a panic (pvpanic), and its console does not say which")
    said = process.stderr()
    if "KVM internal error" in said:
        raise GuestLost(f"QEMU: {said.splitlines()[0]}")
    if process.exit_code is not None or qmp.event("SHUTDOWN") is not None:
        _ended(process, qmp, console, watch)


def _ended(process: QemuProcess, qmp: Qmp, console: Console, watch: Watch) -> None:
    """Tell why QEMU ended or is about to: the guest's own doing, a signal from outside, or its own failure."""
    hear_out(qmp, console, watch)
    death = watch.death()
    if death is not None:
        raise GuestLost(death)
    reason = _shutdown_reason(qmp)
    code, said = process.exit_code, process.stderr() or "no message"
    if reason in OUTSIDE_REASONS or (code is not None and -code in OUTSIDE_SIGNALS):
        how = f"{signal.Signals(-code).name}" if code is not None and code < 0 else reason
        raise QemuKilled(f"QEMU was ended from outside ({how}: {said}); nothing is known of the guest")
    if reason is not None:
        raise GuestLost(f"the guest shut down by itself ({reason})")
    raise GuestLost(f"QEMU ended with {code}: {said}")


def _shutdown_reason(qmp: Qmp) -> str | None:
    """Give QMP's reason; the event may come a moment after QEMU's end is noticed."""
    end = time.monotonic() + QUIET_S
    while (event := qmp.event("SHUTDOWN")) is None and time.monotonic() < end:
        time.sleep(TICK_S)
    return str(event.get("data", {}).get("reason", "no reason")) if event else None


def hear_out(qmp: Qmp, console: Console, watch: Watch) -> None:
    """Read on until the console is quiet; after a panic until the reset that ends it."""
    end = time.monotonic() + LAST_WORDS_S
    quiet = time.monotonic()
    while time.monotonic() < end and not console.closed:
        stopped = qmp.event("SHUTDOWN") is not None
        news = console.news()
        watch.read(news)
        now = time.monotonic()
        if news:
            quiet = now
        elif stopped or (now - quiet >= QUIET_S and qmp.event("GUEST_PANICKED") is None):
            return
        time.sleep(TICK_S)
