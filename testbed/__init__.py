# SPDX-License-Identifier: GPL-2.0-only
"""Testbed for page-table reclaim: build kernels, boot guests, run scenarios, measure page-table memory."""

__version__ = "0.1.0"
