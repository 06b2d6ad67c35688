# SPDX-License-Identifier: GPL-2.0-only
"""Frames are found on a line that others write to, however the bytes come; what is no frame stays what it was."""

import base64
import time

from hypothesis import given
from hypothesis import strategies as st

from testbed.machine.serialframe import LONGEST_LINE, Answer, Data, Demultiplexer, encode_answer, encode_data

NUMBERS = st.integers(min_value=0, max_value=2**32 - 1)
FRAMES = st.one_of(st.builds(Data, NUMBERS, st.binary(max_size=300)), st.builds(Answer, NUMBERS))
KERNEL = st.from_regex(rb"<[0-7]>\[ {0,4}[0-9]{1,4}\.[0-9]{6}\]\[ {0,3}T[0-9]{1,4}\] [ -~]{0,80}\r\n", fullmatch=True)
# What may look like a frame, and what a program may print without a newline at its end.
LOOKALIKE = st.sampled_from(
    [b"TB ", b"T", b"TB", b"TB D1 ", b"TB-PHASE 00 start a=1\n", b"TB D1 AAAA 00000000\n", b"\n"]
)
NOISE = st.one_of(KERNEL, LOOKALIKE, st.binary(max_size=60))


def encoded(frame: Data | Answer) -> bytes:
    return encode_data(frame.number, frame.payload) if isinstance(frame, Data) else encode_answer(frame.number)


def heard(pieces, cuts=()) -> tuple[list[Data | Answer], bytes]:
    """Frames and text of a stream that comes in pieces cut at ``cuts``."""
    stream = b"".join(pieces)
    demultiplexer, found, start = Demultiplexer(), [], 0
    for cut in (*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)):
        found += demultiplexer.feed(stream[start:cut])
        start = cut
    found.append(demultiplexer.give_up())
    frames = [piece for piece in found if not isinstance(piece, bytes)]
    return frames, b"".join(piece for piece in found if isinstance(piece, bytes))


@given(st.lists(st.one_of(FRAMES, KERNEL), max_size=12), st.lists(st.integers(min_value=0), max_size=12))
def test_frames_between_kernel_messages_are_found_and_the_messages_kept_whole(stream, cuts):
    frames, text = heard([piece if isinstance(piece, bytes) else encoded(piece) for piece in stream], cuts)
    assert frames == [piece for piece in stream if not isinstance(piece, bytes)]
    assert text == b"".join(piece for piece in stream if isinstance(piece, bytes))


@given(st.lists(NOISE, max_size=8), FRAMES, st.lists(st.integers(min_value=0), max_size=12))
def test_frame_is_found_whatever_stands_before_it(noise, frame, cuts):
    frames, text = heard([*noise, encoded(frame)], cuts)
    assert frames[-1] == frame
    assert len(text) + sum(len(encoded(found)) for found in frames) == len(b"".join(noise) + encoded(frame))


@given(st.lists(NOISE, max_size=8), st.lists(st.integers(min_value=0), max_size=12))
def test_what_is_heard_does_not_depend_on_how_it_was_cut(noise, cuts):
    assert heard(noise, cuts) == heard(noise)


@given(st.builds(Data, NUMBERS, st.binary(max_size=200)), KERNEL, st.integers(min_value=1))
def test_message_that_cuts_into_a_frame_is_told_whole_and_the_frame_is_not_taken(frame, message, at):
    line = encoded(frame)
    at = 1 + at % (len(line) - 2)
    frames, text = heard([line[:at], message, line[at:]])
    assert (frames, text) == ([], line[:at] + message + line[at:])


@given(st.builds(Data, NUMBERS, st.binary(max_size=200)), st.data())
def test_frame_that_lost_bytes_is_not_taken_and_the_one_sent_again_behind_it_is(frame, data):
    line = encoded(frame)
    start = data.draw(st.integers(0, len(line) - 1))
    stop = data.draw(st.integers(start + 1, len(line)))
    frames, _ = heard([line[:start], line[stop:], line])
    assert frames == [frame]


def test_message_is_not_held_back_by_the_half_frame_that_it_cut():
    demultiplexer = Demultiplexer()
    pieces = demultiplexer.feed(
        encode_data(7, b"x" * 4000)[:900] + b"<0>[    3.509125][   T32] Kernel panic - not sync"
    )
    assert b"".join(pieces).endswith(b"Kernel panic - not sync")


def test_payload_whose_base64_ends_like_a_mark_is_a_frame():
    frame = Data(1, base64.b64decode("AATB"))
    assert encoded(frame).count(b"TB ") == 2
    assert heard([encoded(frame)]) == ([frame], b"")


def test_rubbish_that_looks_like_a_frame_without_end_is_let_go_in_time():
    began = time.monotonic()
    frames, text = heard([b"TB " * LONGEST_LINE], cuts=range(0, 3 * LONGEST_LINE, 4096))
    assert (frames, text) == ([], b"TB " * LONGEST_LINE)
    assert time.monotonic() - began < 10
