# SPDX-License-Identifier: GPL-2.0-only
"""What is concluded from a process, a monitor and a console that look dead; the living ones are in tests/guest."""

from dataclasses import dataclass, field

import pytest

from testbed.errors import GuestLost, QemuKilled
from testbed.machine.vitals import check
from testbed.run.guard import Guard

PANIC = "<0>[    2.000000] Kernel panic - not syncing: x\n"


@dataclass
class Process:
    exit_code: int | None = None
    said: str = ""

    def stderr(self) -> str:
        return self.said


@dataclass
class Qmp:
    events: dict = field(default_factory=dict)

    def event(self, name: str):
        return self.events.get(name)


@dataclass
class Console:
    pieces: list[str] = field(default_factory=list)
    closed: bool = False

    def news(self) -> str:
        return self.pieces.pop(0) if self.pieces else ""


class Witness:
    """A kernel's log that holds messages of these seconds."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = seconds

    def said(self, clock_s: float) -> bool:
        return clock_s in self.seconds

    def log(self) -> str:
        return ""


def shutdown(reason: str) -> Qmp:
    return Qmp({"SHUTDOWN": {"event": "SHUTDOWN", "data": {"reason": reason}}})


def test_guest_that_is_well_is_left_alone():
    check(Process(), Qmp(), Console(["<6>[    1.000000] all is well\n"]), Guard())


def test_death_is_told_when_its_line_is_whole():
    with pytest.raises(GuestLost, match=r"panic: Kernel panic - not syncing: x$"):
        check(Process(), Qmp(), Console([PANIC[:46], PANIC[46:]]), Guard())


@pytest.mark.parametrize("reason", ["guest-shutdown", "guest-reset"])
def test_guest_that_goes_away_by_itself_is_lost(reason):
    with pytest.raises(GuestLost, match=rf"the guest shut down by itself \({reason}\)"):
        check(Process(), shutdown(reason), Console(), Guard())


@pytest.mark.parametrize(
    ("process", "qmp"),
    [(Process(-9), Qmp()), (Process(0, "terminating on signal 15"), shutdown("host-signal")), (Process(-15), Qmp())],
)
def test_qemu_that_someone_ended_tells_nothing_of_the_guest(process, qmp):
    with pytest.raises(QemuKilled, match="nothing is known of the guest"):
        check(process, qmp, Console(closed=True), Guard())


def test_qemu_that_aborts_has_lost_the_guest_and_its_words_are_kept():
    with pytest.raises(GuestLost, match="QEMU ended with -6: failed to set MSR"):
        check(Process(-6, "failed to set MSR"), Qmp(), Console(closed=True), Guard())


def test_kvm_internal_error_is_noticed_while_qemu_runs_on():
    with pytest.raises(GuestLost, match=r"QEMU: KVM internal error\. Suberror: 1"):
        check(Process(None, "KVM internal error. Suberror: 1\nRAX=0"), Qmp(), Console(), Guard())


def test_panic_that_only_pvpanic_tells_is_a_death():
    with pytest.raises(GuestLost, match="pvpanic"):
        check(Process(), Qmp({"GUEST_PANICKED": {"event": "GUEST_PANICKED"}}), Console(), Guard())


def test_panic_before_qemu_was_killed_is_the_panic():
    with pytest.raises(GuestLost, match="Kernel panic"):
        check(Process(-9), Qmp(), Console([PANIC], closed=True), Guard())


def test_signature_that_the_kernels_log_denies_is_a_programs_lie():
    guard = Guard()
    guard.witness = Witness()
    check(Process(), Qmp(), Console([PANIC]), guard)
    assert [sighting.words for sighting in guard.refuted] == ["Kernel panic - not syncing: x"]


def test_lie_does_not_cover_the_truth_that_comes_after_it():
    guard = Guard()
    guard.witness = Witness(3.0)
    with pytest.raises(GuestLost, match=r"kernel BUG at mm/x\.c:1!"):
        check(Process(), Qmp(), Console([PANIC, "<0>[    3.000000] kernel BUG at mm/x.c:1!\n"]), guard)
