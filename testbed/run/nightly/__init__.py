# SPDX-License-Identifier: GPL-2.0-only
"""One night: sources looked up, kernels built, a matrix run, held against history, reported, old nights pruned."""

from testbed.run.nightly.night import Night, NightPlan, nightly

__all__ = ["Night", "NightPlan", "nightly"]
