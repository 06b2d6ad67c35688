# SPDX-License-Identifier: GPL-2.0-only
"""A physical machine from power on to power off: the same calls as of a guest, over serial lines.

Nobody sees into its memory, and nothing but its console and its agent tells whether it lives.
"""

import re
import threading
import time
from types import TracebackType
from typing import Any, Self, TypeVar

from testbed.errors import GuestHung, GuestLost, HostError, LaunchFailed, MachineError
from testbed.machine.conversation import TICK_S, Conversation, Reader
from testbed.machine.deadline import Deadline
from testbed.machine.metalboot import MetalBoot, deploy
from testbed.machine.power import Switch
from testbed.machine.qemu import CONSOLE_LOG
from testbed.machine.serialframe import Answer, Data
from testbed.machine.serialline import SerialLine, open_line
from testbed.machine.transcript import Transcript
from testbed.machine.vitals import Watch

__all__ = ["SerialMachine"]

# Seconds until the agent has to have taken a command, times the machine's slow-down.
TAKEN_S = 15.0
# A dying kernel's report is whole once the line has been quiet for a while.
QUIET_S = 0.7
LAST_WORDS_S = 5.0
# How each of its messages begins.
KERNEL = re.compile(r"<[0-7]>\[ *\d+\.\d{6}\]")

T = TypeVar("T")


class SerialMachine:
    """A machine under our hand. Use it as a context manager: leaving switches it off whatever happened."""

    def __init__(self, boot: MetalBoot, switch: Switch, watch: Watch, cancelled: threading.Event) -> None:
        """``watch`` reads the console and names the deaths that it sees there."""
        self._boot, self._switch, self._watch, self._cancelled = boot, switch, watch, cancelled
        self._machine = boot.machine
        self._transcript: Transcript | None = None
        self._conversation: Conversation | None = None
        self._console_line: SerialLine | None = None
        self._readers: list[Reader] = []
        self._touched = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    # --- life ---

    def start(self, deadline: Deadline) -> dict[str, Any]:
        """Switch off, put the kernel in place, switch on, and wait for the hello of that boot's agent.

        The machine's own boot deadline counts from power on, and is in place of ``deadline``. Raises LaunchFailed
        where switch, line or firmware fail, GuestLost or GuestHung where the kernel does.
        """
        boot = self._machine.boot
        self._touched = True
        self._switch.off()
        deploy(self._boot)
        if self._machine.power.off or self._machine.power.labgrid:
            self._cancelled.wait(self._machine.power.off_s)
        try:
            transcript = self._open()
        except HostError as error:
            raise LaunchFailed(f"machine {self._machine.name}: {error}") from error
        if self._cancelled.is_set():
            raise GuestLost("interrupted")
        self._switch.on()
        deadline = Deadline.after(boot.deadline_s)
        try:
            hello = self.receive(deadline)
        except GuestHung as hung:
            raise self._silence(transcript, deadline) from hung
        if hello["type"] != "hello":
            raise LaunchFailed(f"the agent's first word was {hello['type']!r}, not 'hello'")
        if hello.get("boot") != self._boot.token:
            raise LaunchFailed(
                f"machine {self._machine.name} booted with another command line than that of this boot (testbed.boot="
                f"{hello.get('boot')}); does it boot what boot of {self._machine.where} puts in place?"
            )
        return hello

    def end(self) -> None:
        """Switch off and close the lines. Safe in every state, and twice."""
        if self._touched:
            self._touched = False
            try:
                self._switch.off()
            except LaunchFailed as error:
                # the next boot begins with the same command, and says so as its own failure
                if self._transcript is not None:
                    self._transcript.write(f"\n{error}\n".encode())
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        if self._transcript is not None:
            self._watch.read(self._transcript.news())
            self._transcript.close()

    # --- talk ---

    def send(self, *pairs: tuple[str, str]) -> None:
        """Send the agent one command; GuestHung where it does not take it, else as :meth:`receive`."""
        deadline = Deadline.after(TAKEN_S, self._machine.slow)
        _there(self._conversation).send(pairs, deadline, self._check_alive)

    def receive(self, deadline: Deadline) -> dict[str, Any]:
        """Give the agent's next message; GuestHung when it stays silent until the deadline, else as :meth:`listen`."""
        message = self.listen(deadline)
        if message is None:
            raise GuestHung(f"the machine's agent sent nothing for {deadline.allowed_s:.1f} s")
        return message

    def listen(self, deadline: Deadline) -> dict[str, Any] | None:
        """Wait for the agent's next message, watching the console meanwhile; None when the deadline passes.

        Raises GuestLost with the reason when the kernel dies, LineLost when a line breaks.
        """
        conversation = _there(self._conversation)
        while True:
            message = conversation.message(min(TICK_S, deadline.left_s))
            if message is not None:
                return message
            self._check_alive()
            if deadline.passed:
                return None

    def expect_console(self, pattern: str, deadline: Deadline) -> str | None:
        """Wait for a line of the console by regular expression; the matched text, or None."""
        return _there(self._transcript).expect(pattern, deadline)

    def look_again(self) -> None:
        """Raise MachineError if the machine turns out to be dead."""
        if self._transcript is not None:
            self._hear_out(self._transcript)
            self._check_alive()

    @property
    def guest(self) -> None:
        """Nobody stops a physical machine, or looks into it."""
        return None

    def registers(self) -> str:
        """Nobody sees a physical CPU's registers."""
        return ""

    def sysrq(self, key: str, wait_s: float) -> str:
        """Ask the kernel by a break on the console and the key; empty over TCP, which has no break."""
        line, transcript = _there(self._console_line), _there(self._transcript)
        self._watch.read(transcript.news())
        before = len(transcript.text)
        if not line.send_break():
            return ""
        line.write(key.encode())
        time.sleep(wait_s)
        self._hear_out(transcript)
        return transcript.text[before:]

    @property
    def console_text(self) -> str:
        """All that the console has said since power on."""
        if self._transcript is None:
            return ""
        self._watch.read(self._transcript.news())
        return self._transcript.text

    # --- inside ---

    def _open(self) -> Transcript:
        """Open the lines and read them: before power on, so that what a firmware says is heard."""
        machine = self._machine
        line = self._console_line = open_line(machine.console.line, machine.console.baud)
        transcript = self._transcript = Transcript(self._boot.folder / CONSOLE_LOG)
        if machine.data is None:
            conversation = Conversation(line, machine.console.baud)
            self._readers = [Reader(line, transcript.write, conversation.take)]
        else:
            self._readers = [Reader(line, transcript.write, _nothing)]
            data = open_line(machine.data.line, machine.data.baud)
            conversation = Conversation(data, machine.data.baud)
            self._readers.append(Reader(data, _nothing, conversation.take))
        self._conversation = conversation
        return transcript

    def _check_alive(self) -> None:
        """Raise MachineError if anything says that the machine is dead, or can't be heard."""
        transcript = _there(self._transcript)
        if self._cancelled.is_set():
            raise GuestLost("interrupted")
        self._watch.read(transcript.news())
        if self._watch.alarmed():
            self._hear_out(transcript)
            death = self._watch.death()
            if death is not None:
                raise GuestLost(death)
        if _there(self._conversation).restarted:
            raise GuestLost("the machine started anew by itself, and its console does not say why")
        for reader in self._readers:
            if reader.lost is not None:
                raise reader.lost

    def _hear_out(self, transcript: Transcript) -> None:
        """Read on until the console is quiet."""
        end = time.monotonic() + LAST_WORDS_S
        quiet = time.monotonic()
        while time.monotonic() < end and time.monotonic() - quiet < QUIET_S:
            news = transcript.news()
            self._watch.read(news)
            if news:
                quiet = time.monotonic()
            time.sleep(TICK_S / 4)

    def _silence(self, transcript: Transcript, deadline: Deadline) -> MachineError:
        """Say what a boot without a hello comes to, by what the console said."""
        machine, text = self._machine, transcript.text
        line, name = machine.console, f"machine {machine.name}"
        late = f"{deadline.allowed_s:.0f} s after power on"
        if not text.strip():
            look = f"{line.line} at {line.baud} baud" if line.line.startswith("/") else line.line
            return LaunchFailed(f"{name} was silent until {late}; is {look} its console, and does its switch switch?")
        last = text.rstrip().rpartition("\n")[2][-120:]
        if not KERNEL.search(text):
            return LaunchFailed(
                f"{name}: no kernel spoke until {late}; does it boot what {machine.where} puts in place, "
                f"with its console on {line.tty}? Last heard: {last!r}"
            )
        return GuestHung(f"{name}: the kernel booted, and its agent was not heard until {late}; last heard: {last!r}")


def _nothing(_: bytes | Data | Answer) -> None:
    """What comes on a line that is not for it."""


def _there(part: T | None) -> T:
    if part is None:
        raise RuntimeError("the machine has not been started")
    return part
