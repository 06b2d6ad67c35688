# SPDX-License-Identifier: GPL-2.0-only
"""Page-table memory of a stopped guest: its own counters, its console's line, and what QMP shows from outside."""
