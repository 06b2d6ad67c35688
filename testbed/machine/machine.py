# SPDX-License-Identifier: GPL-2.0-only
"""One guest from launch to end: process, monitor, console and data channel, and the states it may be in.

::

    created --start()--> running <--pause()/resume()--> stopped
       any  --end()----> gone

A call in the wrong state raises RuntimeError at once; it never hangs. A machine that raised a MachineError is broken:
end it and boot another.
"""

import enum
import select
import shlex
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from testbed.errors import GuestHung, GuestLost, LaunchFailed, QmpLost
from testbed.machine.channel import Channel
from testbed.machine.console import PIPE_READS, Console, make_pipes
from testbed.machine.deadline import Deadline
from testbed.machine.inspect import registers, sysrq
from testbed.machine.pinning import pin_vcpus
from testbed.machine.process import QemuProcess
from testbed.machine.qemu import Launch, qemu_argv
from testbed.machine.qmp import Qmp
from testbed.machine.vitals import Watch, check, hear_out

__all__ = ["Machine", "State"]

TICK_S = 0.1
AFTERMATH_S = 0.5

T = TypeVar("T")


class State(enum.Enum):
    """Where a machine stands."""

    CREATED = "created"
    RUNNING = "running"
    STOPPED = "stopped"
    GONE = "gone"


class Machine:
    """A guest under our hand. Use it as a context manager: leaving ends QEMU whatever happened."""

    def __init__(self, launch: Launch, watch: Watch, cancelled: threading.Event | None = None) -> None:
        """``watch`` reads the console and names the deaths that it sees there."""
        self.launch = launch
        self.state = State.CREATED
        self._watch = watch
        self._cancelled = cancelled or threading.Event()
        self._process: QemuProcess | None = None
        self._qmp: Qmp | None = None
        self._console: Console | None = None
        self._channel: Channel | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    # --- life ---

    def start(self, deadline: Deadline) -> dict[str, Any]:
        """Launch QEMU, let the guest run and wait for its agent's hello, which is returned.

        Raises LaunchFailed when QEMU or the guest does not come up, GuestLost when the kernel dies on the way.
        """
        self._require(State.CREATED)
        argv = qemu_argv(self.launch)
        (self.launch.folder / "qemu.argv").write_text(shlex.join(argv) + "\n")
        make_pipes(self.launch.console_pipe)
        self._process = QemuProcess(argv, self.launch.folder / "qemu.stderr")
        self._qmp = Qmp(self.launch.folder / "qmp.jsonl")
        self._channel = Channel(self._connect(self.launch.data_socket, deadline))
        try:
            self._qmp.connect(self._connect(self.launch.qmp_socket, deadline), deadline.left_s)
            self._console = Console(self.launch.console_pipe)
            if self.launch.host_cpus is not None:
                pin_vcpus(self._qmp, self._process.pid, self.launch.host_cpus)
            self.state = State.RUNNING
            self._qmp.execute("cont")
        except QmpLost as lost:
            # QEMU opens its sockets before it loads the kernel: one that is about to give up may be met here
            if self._process.wait(1):
                raise self._ended_early() from lost
            raise
        hello = self.receive(deadline)
        if hello["type"] != "hello":
            raise LaunchFailed(f"the agent's first word was {hello['type']!r}, not 'hello'")
        return hello

    def pause(self) -> None:
        """Stop all vCPUs (QMP ``stop``)."""
        self._require(State.RUNNING)
        self.qmp.execute("stop")
        self.state = State.STOPPED

    def resume(self) -> None:
        """Let the vCPUs go on (QMP ``cont``)."""
        self._require(State.STOPPED)
        self.qmp.execute("cont")
        self.state = State.RUNNING

    def end(self) -> None:
        """End QEMU: QMP ``quit``, then wait, SIGTERM, SIGKILL. Safe in every state, and twice."""
        if self.state is State.GONE:
            return
        self.state = State.GONE
        if self._qmp is not None:
            if self._process is not None and self._process.exit_code is None:
                try:
                    self._qmp.execute("quit", timeout_s=2)
                except QmpLost:
                    self._process.wait(0)  # the ladder below needs no monitor
            self._qmp.close()
        if self._console is not None:
            self._hear(self._console)
        for part in (self._channel, self._console):
            if part is not None:
                part.close()
        if self._process is not None:
            self._process.end()

    # --- talk ---

    def send(self, *pairs: tuple[str, str]) -> None:
        """Send the agent one command."""
        self._require(State.RUNNING)
        self._part(self._channel).send(*pairs)

    def receive(self, deadline: Deadline) -> dict[str, Any]:
        """Give the agent's next message; GuestHung when it stays silent until the deadline, else as :meth:`listen`."""
        message = self.listen(deadline)
        if message is None:
            raise GuestHung(f"the guest's agent sent nothing for {deadline.allowed_s:.1f} s")
        return message

    def listen(self, deadline: Deadline) -> dict[str, Any] | None:
        """Wait for the agent's next message, watching the console, the monitor and the process meanwhile.

        None when the deadline passes without one. Raises GuestLost with the reason when the guest dies, QemuKilled when
        someone on the host ended QEMU.
        """
        self._require(State.RUNNING)
        channel, console = self._part(self._channel), self._part(self._console)
        while True:
            message = None if channel.closed else channel.poll()
            if message is not None:
                return message
            self._check_alive()
            if deadline.passed:
                return None
            open_parts = [part for part in (channel, console) if not part.closed]
            if open_parts:
                select.select(open_parts, [], [], min(TICK_S, deadline.left_s))
            else:
                time.sleep(TICK_S)

    def expect_console(self, pattern: str, deadline: Deadline) -> str | None:
        """Wait for a line of the console by regular expression; the matched text, or None."""
        match = self._part(self._console).expect(pattern, deadline)
        return match.group(0) if match else None

    def look_again(self) -> None:
        """Raise GuestLost or QemuKilled if the guest turns out to be dead: the cause of an error met elsewhere.

        A second is given to QEMU to end and to the console to say what broke.
        """
        if self.state is State.RUNNING or self.state is State.STOPPED:
            self._part(self._process).wait(AFTERMATH_S)
            hear_out(self.qmp, self._part(self._console), self._watch)
            self._check_alive()

    @property
    def guest(self) -> Self:
        """Itself, which can be stopped and looked at from outside."""
        return self

    def registers(self) -> str:
        """Give the registers of all vCPUs as QEMU prints them; QmpLost where QEMU itself stands still."""
        return registers(self.qmp)

    def sysrq(self, key: str, wait_s: float) -> str:
        """Ask the kernel by magic sysrq; empty where it does not answer, QmpLost where QEMU does not."""
        return sysrq(self.qmp, self.console, key, wait_s)

    @property
    def console(self) -> Console:
        """The serial console."""
        return self._part(self._console)

    @property
    def console_text(self) -> str:
        """All that the console has said since the launch, what nobody has waited for included."""
        if self._console is None:
            return ""
        self._hear(self._console)
        return self._console.text

    @property
    def qmp(self) -> Qmp:
        """The monitor."""
        return self._part(self._qmp)

    @property
    def pid(self) -> int | None:
        """QEMU's process id."""
        return self._process.pid if self._process else None

    # --- inside ---

    def _check_alive(self) -> None:
        """Raise GuestLost or QemuKilled if anything says that the guest is dead."""
        if self._cancelled.is_set():
            raise GuestLost("interrupted")
        check(self._part(self._process), self.qmp, self._part(self._console), self._watch)

    def _hear(self, console: Console) -> None:
        """Read all that the console has said and was not read yet: a message of the agent's may have come first."""
        for _ in range(PIPE_READS):  # a guest that never stops talking does not hold us
            news = console.news()
            if not news:
                return
            self._watch.read(news)

    def _connect(self, path: Path, deadline: Deadline) -> socket.socket:
        process = self._part(self._process)
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(path))
            except OSError as error:
                sock.close()
                if process.exit_code is not None:
                    raise self._ended_early() from error
                if deadline.passed:
                    raise LaunchFailed(f"QEMU did not open {path} in {deadline.allowed_s:.1f} s") from error
                time.sleep(0.005)
            else:
                return sock

    def _ended_early(self) -> LaunchFailed:
        process = self._part(self._process)
        return LaunchFailed(f"QEMU ended with {process.exit_code}: {process.stderr()}")

    def _require(self, *states: State) -> None:
        if self.state not in states:
            allowed = " or ".join(state.value for state in states)
            raise RuntimeError(f"the machine is {self.state.value}; this call needs it {allowed}")

    def _part(self, part: T | None) -> T:
        if part is None:
            raise RuntimeError(f"the machine is {self.state.value}; it has not been started")
        return part
