# SPDX-License-Identifier: GPL-2.0-only
"""Sizes and times: what is read, what is refused, and that writing undoes reading."""

import random

import pytest

from testbed.spec.units import format_size, looks_like_size, parse_duration, parse_memory, parse_size

UNITS = {"B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
MANY = [random.Random(seed).randrange(1 << random.Random(seed).randrange(1, 63)) for seed in range(300)]


@pytest.mark.parametrize("unit", UNITS)
def test_a_size_is_its_number_times_a_power_of_two(unit: str) -> None:
    for number in (0, 1, 7, 1023, 4096):
        assert parse_size(f"{number}{unit}") == number << UNITS[unit]


def test_bytes_written_out_are_read_back_the_same() -> None:
    for size in (0, 1, 1023, 1024, 1025, 3 << 20, (1 << 63) - 1, *MANY):
        assert parse_size(format_size(size)) == size


def test_bytes_are_written_in_the_largest_unit_that_loses_nothing() -> None:
    assert [format_size(size) for size in (0, 512, 4096, 1536, 1 << 30, 3 << 40, 1000000)] == [
        "0B", "512B", "4KiB", "1536B", "1GiB", "3TiB", "1000000B"
    ]  # fmt: skip


def test_a_plain_number_is_bytes_already() -> None:
    assert all(parse_size(size) == size for size in MANY)


@pytest.mark.parametrize(
    ("written", "right"),
    [("4GB", "4GiB"), ("4G", "4GiB"), ("4g", "4GiB"), ("4gib", "4GiB"), ("64k", "64KiB"), ("64 KiB", "64KiB"),
     ("12b", "12B"), ("12bytes", "12B"), ("2Mi", "2MiB"), ("1tb", "1TiB")],
)  # fmt: skip
def test_a_miswritten_size_is_refused_with_the_right_one(written: str, right: str) -> None:
    assert looks_like_size(written)
    with pytest.raises(ValueError, match=f"is not a size; sizes are written as {right} "):
        parse_size(written)
    parse_size(right)


@pytest.mark.parametrize(
    "wrong", ["", "GiB", "-1GiB", "1.5GiB", "1e3KiB", "0x10KiB", "٤GiB", "1GiB\n", None, True, 1.5, [1], -1]
)
def test_what_is_no_size_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(wrong)


def test_a_size_beyond_64_bits_is_refused() -> None:
    for wrong in (1 << 63, "8388608TiB"):
        with pytest.raises(ValueError, match="sizes go from 0 to"):
            parse_size(wrong)


@pytest.mark.parametrize("wrong", ["0GiB", 0, "1B", "1000KiB", (1 << 20) + 1])
def test_memory_is_one_or_more_whole_mebibytes(wrong: object) -> None:
    with pytest.raises(ValueError, match="whole MiB"):
        parse_memory(wrong)
    assert parse_memory("1024KiB") == 1 << 20


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30.0), ("2min", 120.0), ("500ms", 0.5), ("1.5s", 1.5), ("1h", 3600.0), ("0.25min", 15.0)],
)
def test_a_time_is_seconds(written: str, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("unit", ["ms", "s", "min", "h"])
def test_twice_the_number_is_twice_the_time(unit: str) -> None:
    for number in range(1, 200):
        assert parse_duration(f"{2 * number}{unit}") == pytest.approx(2 * parse_duration(f"{number}{unit}"))


@pytest.mark.parametrize(
    "wrong", ["", "30", "30 s", "30sec", "m", "-1s", "0s", "0.0ms", "1e3s", "infs", "9" * 400 + "s", 30, None, True]
)
def test_what_is_no_time_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"is not a time; (times are written as 30s|a time is longer than nothing)"):
        parse_duration(wrong)
