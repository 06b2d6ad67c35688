# SPDX-License-Identifier: GPL-2.0-only
"""Guests: the accelerator, QEMU's command line and process, monitor, console and data channel."""
