# SPDX-License-Identifier: GPL-2.0-only
"""A stand-in for QEMU, for the error paths: it behaves as FAKE_QEMU_<ACCEL> says."""

import os
import re
import sys
import time

if sys.argv[1:] == ["--version"]:
    print("QEMU emulator version 7.2 (fake)")
    sys.exit(0)
line = " ".join(sys.argv)
accel = sys.argv[sys.argv.index("-accel") + 1]
behaviour = os.environ.get(f"FAKE_QEMU_{accel.upper()}", "boots")
if behaviour == "aborts":
    print("error: failed to set MSR 0x10a to 0x0", file=sys.stderr, flush=True)
    os.abort()
log = re.search(r"logfile=(\S+)", line)
assert log
with open(log[1], "w") as console:  # noqa: PTH123
    number = re.search(r"testbed.proof=(\d+)", line)
    assert number
    if behaviour == "echoes":
        print(f"Command line: testbed.proof={number[1]}", file=console, flush=True)
    elif behaviour == "boots":
        print(f"TB-PROOF {int(number[1]) * 7 + 1}", file=console, flush=True)
time.sleep(60)
