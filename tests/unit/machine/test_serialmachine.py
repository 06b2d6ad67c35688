# SPDX-License-Identifier: GPL-2.0-only
"""A machine from power on to power off, and what is said of each way in which it does not come up or is lost."""

import json
import os
import re
import socket
import threading
import time
from pathlib import Path

import pytest
from serial_bench import Agent, Bench, machine_file

from testbed.errors import GuestHung, GuestLost, LaunchFailed, LineLost
from testbed.machine import serialmachine as module
from testbed.machine.deadline import Deadline
from testbed.machine.metalboot import MetalBoot
from testbed.machine.power import make_switch
from testbed.machine.serialmachine import SerialMachine
from testbed.spec import load_machine

BOOT = Deadline.after(3600)
PANIC = "<0>[    3.509125][   T32] Kernel panic - not syncing: sysrq triggered crash\r\n"


class Watching:
    """Knows one sign of death."""

    def __init__(self) -> None:
        self.heard = ""

    def read(self, piece: str) -> None:
        self.heard += piece

    def alarmed(self) -> bool:
        return "Kernel panic" in self.heard

    def death(self) -> str | None:
        return "panic: " + self.heard.partition("Kernel panic")[2].strip() if self.alarmed() else None


class Lab:
    """A machine whose agent is a thread of the test's, at the far end of a pty."""

    def __init__(self, folder: Path, obey=lambda agent, command: None, **changes: str) -> None:
        self.folder, self.bench = folder, Bench()
        self.spec = load_machine(folder, str(machine_file(folder, self.bench.near, **changes)))
        (folder / "bzImage").write_bytes(b"a kernel")
        (folder / "rd").write_bytes(b"an initramfs")
        self.agent = Agent(self.bench.far, obey)
        self.boot = MetalBoot(self.spec, folder / "bzImage", folder / "rd", 512 << 20, 1, 4, folder, ("watchdog=1",))
        self.cancelled = threading.Event()
        self.agent.start()

    def machine(self) -> SerialMachine:
        return SerialMachine(self.boot, make_switch(self.spec), Watching(), self.cancelled)

    def booted(self, token: str | None = None, after: str = "<5>[    0.000000] Linux version 6.12\r\n") -> None:
        """Say hello once the power is on, in a thread as a machine of its own would."""

        def boot() -> None:
            while "on" not in self.power:
                time.sleep(0.01)
            time.sleep(0.1)
            self.agent.console(after)
            self.agent.say("hello", boot=token or self.boot.token, boot_id=token)

        threading.Thread(target=boot, daemon=True).start()

    @property
    def power(self) -> list[str]:
        log = self.folder / "power.log"
        return log.read_text().split() if log.exists() else []

    def close(self) -> None:
        self.agent.close()
        self.bench.close()


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "QUIET_S", 0.1)
    labs = []

    def make(*arguments, **changes) -> Lab:
        labs.append(Lab(tmp_path, *arguments, **changes))
        return labs[-1]

    yield make
    for made in labs:
        made.close()


def test_machine_boots_what_was_put_into_its_folder_talks_and_is_switched_off(lab, tmp_path):
    def obey(agent, command):
        agent.console("\nTB-PHASE n start pagetables_kb=4\n")
        agent.say("phase", of=command["cmd"])

    here = lab(obey)
    here.booted()
    with here.machine() as machine:
        assert machine.start(BOOT)["boot"] == here.boot.token
        assert here.power == ["off", "on"]
        machine.send(("cmd", "run"), ("arg", "--x"))
        assert machine.receive(Deadline.after(5)) == {"type": "phase", "of": "run"}
        assert machine.expect_console(r"TB-PHASE n start (.*)\r?\n", Deadline.after(5))
    assert here.power == ["off", "on", "off"]
    netboot = tmp_path / "netboot"
    assert sorted(path.name for path in netboot.iterdir()) == ["boot.ipxe", "cmdline", "initramfs", "kernel"]
    assert (netboot / "kernel").read_bytes() == b"a kernel"
    words = (netboot / "cmdline").read_text().split()
    assert {"console=ttyS0,115200n8", "mem=512M", "nr_cpus=1", "no5lvl", "testbed.port=/dev/ttyS0,115200"} < set(words)
    assert words[-1] == "watchdog=1"
    assert f"kernel kernel initrd=initramfs {' '.join(words)}\n" in (netboot / "boot.ipxe").read_text()
    assert machine.console_text == "<5>[    0.000000] Linux version 6.12\n\nTB-PHASE n start pagetables_kb=4\n"
    assert (tmp_path / "console.log").read_text().replace("\r", "") == machine.console_text


def test_each_boot_has_a_name_of_its_own(lab):
    here = lab()
    again = MetalBoot(here.spec, here.boot.kernel, here.boot.initramfs, 1 << 30, 1, 5, here.folder)
    assert again.token != here.boot.token
    assert "no5lvl" not in again.parameters


def test_machine_that_booted_something_else_is_no_machine_of_ours(lab):
    here = lab()
    here.booted("feed")
    with here.machine() as machine, pytest.raises(LaunchFailed, match=r"another command line .*testbed\.boot=feed"):
        machine.start(BOOT)
    assert here.power[-1] == "off"


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            "",
            LaunchFailed,
            r"machine lab7 was silent until 2 s after power on; is /dev/pts/\d+ at 115200 baud its console",
        ),
        (
            "PXE-E53: No boot filename\r\n",
            LaunchFailed,
            "no kernel spoke .*ttyS0. Last heard: 'PXE-E53: No boot filename'",
        ),
        (
            "<4>[    0.1] tsc\n<6>[    0.812345] Freeing\r\n",
            GuestHung,
            "the kernel booted, and its agent was not heard",
        ),
    ],
)
def test_silence_is_told_by_how_far_the_boot_came(lab, said, kind, message):
    here = lab()
    with here.machine() as machine:
        threading.Timer(0.5, lambda: here.agent.console(said)).start()
        with pytest.raises(kind, match=message):
            machine.start(BOOT)


@pytest.mark.parametrize("word", ["off", "on"])
def test_switch_that_fails_is_told_with_the_line_to_try(lab, tmp_path, word):
    here = lab()
    (tmp_path / f"broken-{word}").touch()
    expected = rf"machine lab7: power {word}: exit 3 \(stuck\); try it by hand: \./switch {word}"
    with here.machine() as machine, pytest.raises(LaunchFailed, match=expected):
        machine.start(BOOT)


def test_panic_on_the_console_is_a_death_with_its_last_words(lab):
    here = lab(lambda agent, command: agent.console(PANIC))
    here.booted()
    with here.machine() as machine:
        machine.start(BOOT)
        with pytest.raises(GuestLost, match="panic: - not syncing: sysrq triggered crash"):
            machine.send(("cmd", "run"))  # which may be answered before the panic is heard
            machine.receive(Deadline.after(5))


def test_machine_that_boots_again_by_itself_is_lost(lab):
    def obey(agent, command):
        agent.start_anew()
        agent.say("hello", boot="same", boot_id="another")

    here = lab(obey)
    here.booted()
    with here.machine() as machine:
        machine.start(BOOT)
        with pytest.raises(GuestLost, match="started anew by itself"):
            machine.send(("cmd", "run"))
            machine.receive(Deadline.after(5))


def test_agent_that_says_nothing_more_hangs(lab):
    here = lab()
    here.booted()
    with here.machine() as machine:
        machine.start(BOOT)
        with pytest.raises(GuestHung, match=r"sent nothing for 0\.2 s"):
            machine.receive(Deadline.after(0.2))
        assert machine.registers() == ""


def test_interrupt_is_noticed_while_the_machine_boots(lab):
    here = lab()
    with here.machine() as machine:
        threading.Timer(0.3, here.cancelled.set).start()
        with pytest.raises(GuestLost, match="interrupted"):
            machine.start(BOOT)
    assert here.power[-1] == "off"


def test_interrupt_before_power_on_leaves_the_machine_off(lab):
    here = lab()
    here.cancelled.set()
    with here.machine() as machine, pytest.raises(GuestLost, match="interrupted"):
        machine.start(BOOT)
    assert here.power == ["off", "off"]


def test_line_that_is_gone_at_boot_says_which(lab):
    here = lab(console="{line: /dev/none, tty: ttyS0}")
    with here.machine() as machine, pytest.raises(LaunchFailed, match="machine lab7: /dev/none: No such file"):
        machine.start(BOOT)


def test_switch_that_can_only_cycle_boots_a_machine_that_was_on(lab):
    here = lab(power="{cycle: [sh, -c, 'echo on >>power.log']}")
    here.booted()
    with here.machine() as machine:
        machine.start(BOOT)
    assert here.power == ["on"]


def test_command_of_the_lab_gets_kernel_initramfs_and_command_line(lab, tmp_path):
    here = lab(boot="{run: [./note, '{kernel}', '{initramfs}', 'x {cmdline}'], deadline: 2s}")
    (tmp_path / "note").write_text('#!/bin/sh\nprintf "%s\\n" "$@" >got\n')
    (tmp_path / "note").chmod(0o755)
    here.booted()
    with here.machine() as machine:
        machine.start(BOOT)
    got = (tmp_path / "got").read_text().splitlines()
    assert got == [str(tmp_path / "bzImage"), str(tmp_path / "rd"), f"x {here.boot.parameters}"]


def test_frames_may_have_a_line_of_their_own_and_the_console_be_a_tcp_port(tmp_path, lab):
    with socket.create_server(("127.0.0.1", 0)) as server:
        frames = Bench()
        here = lab(
            console=f"{{line: '127.0.0.1:{server.getsockname()[1]}', tty: ttyS0}}",
            data=f"{{line: {frames.near}, tty: ttyS1, baud: 9600}}",
        )
        agent = Agent(frames.far, lambda agent, command: agent.say("exit"))
        agent.start()

        def serve() -> None:
            console = server.accept()[0]
            console.sendall(b"TB D1 this is no frame here\r\n")
            while "on" not in here.power:
                time.sleep(0.01)
            agent.say("hello", boot=here.boot.token)
            while console.recv(100):
                pass

        threading.Thread(target=serve, daemon=True).start()
        with here.machine() as machine:
            assert machine.start(BOOT)["type"] == "hello"
            machine.send(("cmd", "run"))
            assert machine.receive(Deadline.after(5)) == {"type": "exit"}
            assert machine.sysrq("l", 0.1) == "", "TCP has no break"
            assert machine.expect_console("no frame here", Deadline.after(5))
        agent.close()
        frames.close()
    assert "testbed.port=/dev/ttyS1,9600" in here.boot.parameters


def test_line_that_breaks_says_nothing_of_the_machine(lab):
    here = lab()
    here.booted()
    with here.machine() as machine:
        machine.start(BOOT)
        here.agent.close()
        here.bench.close()
        with pytest.raises(LineLost, match="see to the line"):
            machine.receive(Deadline.after(5))
    here.bench = Bench()


def test_message_that_is_no_agents_is_a_broken_guest(lab):
    def obey(agent, command):
        from testbed.machine.serialframe import encode_data

        os.write(here.bench.far, encode_data(2, json.dumps(["no", "object"]).encode()))

    here = lab(obey)
    here.booted()
    with here.machine() as machine:
        machine.start(BOOT)
        with pytest.raises(GuestLost, match=re.escape("frame without a type")):
            machine.send(("cmd", "run"))
            machine.receive(Deadline.after(5))
