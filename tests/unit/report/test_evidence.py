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
