# SPDX-License-Identifier: GPL-2.0-only
"""The command line: one module per command group; each parses, calls and prints, and holds no logic."""

import sys

from testbed.cli.app import app
from testbed.cli.output import fail
from testbed.errors import TestbedError

__all__ = ["main"]

EXIT_INPUT = 2


def main() -> None:
    """Run the command line and exit with the code of design.md section 4."""
    try:
        app()
    except TestbedError as error:
        fail(str(error))
        sys.exit(EXIT_INPUT)
