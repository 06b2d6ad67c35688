# SPDX-License-Identifier: GPL-2.0-only
"""Bugs looked for in guests: attempts, graded."""
