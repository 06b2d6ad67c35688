# SPDX-License-Identifier: GPL-2.0-only
"""The testbed and the agent's own code at the two ends of a line that loses bytes and that the kernel prints on."""

import os
import random
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from serial_bench import Bench, Bridge

from testbed.errors import GuestHung, LineLost
from testbed.machine import conversation as module
from testbed.machine.conversation import Conversation, Reader
from testbed.machine.deadline import Deadline
from testbed.machine.serialframe import Data
from testbed.machine.serialline import open_line

AGENT = Path(__file__).resolve().parents[3] / "guests" / "agent"
TALK = ("serial.c", "frame.c", "json.c", "file.c")


@pytest.fixture(scope="module")
def peer(tmp_path_factory) -> Path:
    """The agent's code for lines, with no patience, so that what is lost is sent again at once."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: the agent can't be compiled")
    folder = tmp_path_factory.mktemp("peer")
    patient = (AGENT / "serial.c").read_text()
    hasty = patient.replace("#define RESEND_MS 500", "#define RESEND_MS 30")
    assert hasty != patient
    (folder / "serial.c").write_text(hasty)
    sources = [folder / "serial.c", *(AGENT / name for name in TALK[1:]), Path(__file__).with_name("serial_peer.c")]
    flags = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", f"-I{AGENT}"]
    subprocess.run(["gcc", *flags, "-o", folder / "peer", *sources], check=True)
    return folder / "peer"


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(module, "RESEND_S", 0.05)
    monkeypatch.setattr(module, "QUIET_S", 0.05)


def talk(peer: Path, commands: list[str], toll) -> tuple[list[dict], bytes]:
    """Say ``commands`` to the agent over a line with that toll; its messages, and what else was on the line."""
    host, agent, text = Bench(), Bench(), []
    bridge = Bridge(host.far, agent.far, toll)
    with subprocess.Popen([peer, f"{agent.near},115200"], stdin=subprocess.DEVNULL) as process:
        line = open_line(host.near, 115200)
        said = Conversation(line, 115200)
        reader = Reader(line, text.append, said.take)
        bridge.start()
        heard = []
        for command in commands:
            said.send([("cmd", command)], Deadline.after(30), lambda: None)
            while len(heard) < 1 + commands.index(command):
                heard.append(said.message(30))
        heard.append(said.message(30))
        process.kill()
        bridge.close()
        reader.close()
    host.close()
    agent.close()
    return heard, b"".join(text)


def test_commands_and_messages_of_any_size_and_bytes_come_through_in_order(peer):
    commands = ["x" * size for size in (0, 1, 2, 3, 4000, 16380)] + ["".join(map(chr, range(0x20, 0x7F))), "end"]
    heard, text = talk(peer, commands, lambda _, data: data)
    assert heard[0] == {"type": "hello"}
    assert [message["said"] for message in heard[1:]] == [f"cmd={command}" for command in commands]
    assert text == b""


def test_each_comes_once_over_a_line_that_loses_bytes_and_that_a_kernel_prints_on(peer, hasty):
    chance, printed = random.Random(7), []

    def toll(there: bool, data: bytes) -> bytes:
        at = chance.randrange(len(data) + 1)
        if chance.random() < 0.15:
            return data[:at] + data[at + 1 + chance.randrange(20) :]
        if not there and chance.random() < 0.3:
            printed.append(b"<4>[   %2d.000000][   T32] a message in between\r\n" % len(printed))
            return data[:at] + printed[-1] + data[at:]
        return data

    commands = [f"{number}" + "y" * chance.choice((0, 30, 600)) for number in range(60)]
    heard, text = talk(peer, [*commands, "end"], toll)
    assert [message.get("said", "hello") for message in heard] == [
        "hello",
        *(f"cmd={word}" for word in commands),
        "cmd=end",
    ]
    whole = sum(message in text for message in printed)
    assert len(printed) > 20
    assert whole == len(printed)


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


def test_command_that_nobody_takes_is_said_again_until_the_deadline(bench, hasty):
    line = open_line(bench.near, 115200)
    asked = []
    with pytest.raises(GuestHung, match=r"the agent did not take a command in 0\.3 s"):
        Conversation(line, 115200).send([("cmd", "ping")], Deadline.after(0.3), lambda: asked.append(1))
    line.close()
    said = os.read(bench.far, 4096).splitlines()
    assert len(said) >= 2
    assert set(said) == {said[0]}
    assert asked


def test_agent_that_says_hello_a_second_time_was_started_anew(bench):
    line = open_line(bench.near, 115200)
    said = Conversation(line, 115200)
    said.take(Data(1, b'{"type":"hello","boot_id":"a"}'))
    said.take(Data(1, b'{"type":"hello","boot_id":"a"}'))
    assert not said.restarted, "it was only sent again"
    said.take(Data(1, b'{"type":"hello","boot_id":"b"}'))
    line.close()
    assert said.restarted
    assert said.message(0) == {"type": "hello", "boot_id": "a"}
    assert said.message(0) is None


def test_line_whose_other_end_goes_away_is_lost(hasty):
    bench, over = Bench(), threading.Event()
    line = open_line(bench.near, 115200)
    reader = Reader(line, lambda _: None, lambda _: None)
    bench.close()
    for _ in range(100):
        if reader.lost:
            break
        over.wait(0.05)
    reader.close()
    assert isinstance(reader.lost, LineLost)
    assert "see to the line" in str(reader.lost)
