# SPDX-License-Identifier: GPL-2.0-only
"""A reported bug made small: what it came with, and how little of a workload and a guest shows it."""
