# SPDX-License-Identifier: GPL-2.0-only
"""A reported bug made small: what it came with (a patch, commit, option or shape of the guest), and how little shows it."""
