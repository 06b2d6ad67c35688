# SPDX-License-Identifier: GPL-2.0-only
from test_table import record

from testbed.report.evidence import evidence


def test_failed_cell_shows_the_last_forty_lines_of_its_console_and_how_to_boot_it(tmp_path):
    (tmp_path / "console.log").write_text("".join(f"[    1.{n:06}] line {n}\n" for n in range(100)))
    (tmp_path / "by-hand.txt").write_text("qemu-system-x86_64 -accel tcg\n")
    lines = evidence(tmp_path, record("vanilla-6.12", "crash", 96))
    console = [line for line in lines if line.startswith("  console: ")]
    assert (len(console), console[-1].endswith("line 99")) == (40, True)
    assert "  by hand: qemu-system-x86_64 -accel tcg" in lines


def test_cell_that_left_nothing_is_said_to_have_left_nothing(tmp_path):
    assert "  console: (nothing)" in evidence(tmp_path, record("vanilla-6.12", "crash", 96))


def test_decoded_stack_of_a_crash_is_shown_without_the_printed_report(tmp_path):
    (tmp_path / "crash.txt").write_text("warn: WARNING: at a.c:1\nstack:\n  f+0x1/0x2  a.c:1\n\nas printed:\nlong\n")
    lines = evidence(tmp_path, record("vanilla-6.12", "crash", 96))
    assert "  crash:     f+0x1/0x2  a.c:1" in lines
    assert not any("long" in line for line in lines)
