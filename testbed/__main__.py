# SPDX-License-Identifier: GPL-2.0-only
"""``python -m testbed``: the command line, for whoever starts it by a Python of his choice (dask-jobqueue)."""

from testbed.cli import main

main()
