# SPDX-License-Identifier: GPL-2.0-only
"""A reported bug made small: which patch, commit, option or shape of the guest it came with, and how little shows it."""
