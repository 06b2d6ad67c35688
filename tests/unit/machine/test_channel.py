# SPDX-License-Identifier: GPL-2.0-only
import binascii
import json
import socket

import pytest

from testbed.errors import GuestLost
from testbed.machine.channel import Channel, decode, encode


def frame(message: object) -> bytes:
    payload = json.dumps(message).encode()
    return b"TB %d %08x\n%s\n" % (len(payload), binascii.crc32(payload), payload)


def test_command_is_framed_as_key_value_lines():
    data = encode([("cmd", "run"), ("arg", "--span=1"), ("arg", "--piece=2")])
    payload = b"cmd=run\narg=--span=1\narg=--piece=2"
    assert data == b"TB %d %08x\n%s\n" % (len(payload), binascii.crc32(payload), payload)


def test_newline_in_a_value_is_refused_before_it_reaches_the_guest():
    with pytest.raises(ValueError, match="newline"):
        encode([("cmd", "run\ncmd=poweroff")])


def test_frame_that_comes_byte_by_byte_is_read_once_it_is_whole():
    buffer = bytearray()
    seen = []
    for byte in frame({"type": "hello"}) + frame({"type": "exit"}):
        buffer.append(byte)
        message = decode(buffer)
        if message:
            seen.append(message["type"])
    assert seen == ["hello", "exit"]
    assert not buffer


@pytest.mark.parametrize(
    "data",
    [
        b"TB 5 00000000\nhello\n",
        b"TB five 00000000\n",
        b"TB -1 00000000\n",
        b"TB 99999999 00000000\n",
        b"x" * 40,
        b"\n",
        b"TB 2 " + b"%08x" % binascii.crc32(b"{}") + b"\n{}\n",
    ],
)
def test_bytes_that_are_no_frame_mean_that_the_guest_is_lost(data):
    with pytest.raises(GuestLost, match="data channel"):
        decode(bytearray(data))


def test_closed_port_is_noticed_after_the_last_message():
    host, guest = socket.socketpair()
    channel = Channel(host)
    guest.sendall(frame({"type": "exit"}))
    guest.close()
    assert channel.poll() == {"type": "exit"}
    assert channel.poll() is None
    assert channel.closed
