# SPDX-License-Identifier: GPL-2.0-only
"""What a cell needs of whatever it runs on: a guest in QEMU, or a machine behind a serial line."""

from types import TracebackType
from typing import Any, Protocol, Self

from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine

__all__ = ["Target"]


class Target(Protocol):
    """A context manager: leaving it leaves nothing running. One that raised a MachineError is broken: boot another."""

    def __enter__(self) -> Self:
        """Nothing is started yet."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, whatever happened."""

    def start(self, deadline: Deadline) -> dict[str, Any]:
        """Boot it and give its agent's hello.

        Raises LaunchFailed when it does not come up, GuestLost when its kernel dies on the way.
        """

    def send(self, *pairs: tuple[str, str]) -> None:
        """Send the agent one command."""

    def receive(self, deadline: Deadline) -> dict[str, Any]:
        """Give the agent's next message; GuestHung when it stays silent until the deadline, else as :meth:`listen`."""

    def listen(self, deadline: Deadline) -> dict[str, Any] | None:
        """Wait for the agent's next message; None when the deadline passes, GuestLost when the kernel dies."""

    def expect_console(self, pattern: str, deadline: Deadline) -> str | None:
        """Wait for what the console says, by regular expression; the matched text, or None."""

    def look_again(self) -> None:
        """Raise MachineError if it turns out to be dead: the cause of an error met elsewhere."""

    @property
    def guest(self) -> Machine | None:
        """The guest in QEMU, which can be stopped and looked at from outside; None where it is none."""

    def registers(self) -> str:
        """Give the CPUs' registers of one that stands still; empty where nobody can see them."""

    def sysrq(self, key: str, wait_s: float) -> str:
        """Ask the kernel by magic sysrq; empty where it does not answer, or can't be asked."""

    @property
    def console_text(self) -> str:
        """All that the console has said since the launch."""
