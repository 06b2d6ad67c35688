# SPDX-License-Identifier: GPL-2.0-only
import sys

import pexpect
from conftest import ROOT


def test_shell_is_a_terminal_in_the_guest_and_ends_with_exit(kernel, image, accel):
    words = ["-c", "from testbed.cli import main; main()", "shell", "--kernel", "vanilla-6.12"]
    terminal = pexpect.spawn(sys.executable, words, cwd=str(ROOT), encoding="utf-8", timeout=60)
    try:
        terminal.expect("guest # ")
        terminal.sendline("echo $((6 * 7)) $(uname -r)")
        terminal.expect(rf"42 {kernel.release}")
        terminal.sendline("exit")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    assert terminal.exitstatus == 0
