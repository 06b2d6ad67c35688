# SPDX-License-Identifier: GPL-2.0-only
"""What a terminal gives to what it starts."""

import signal

__all__ = ["as_from_a_terminal"]


def as_from_a_terminal() -> None:
    """For a child's ``preexec_fn``: signals as a terminal leaves them, also where the suite itself runs under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
