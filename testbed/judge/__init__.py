# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts: pure functions of text and numbers, which know nothing of QEMU."""
