# SPDX-License-Identifier: GPL-2.0-only
"""The conductor: from a matrix to cells, from a cell to its verdict, from verdicts to an exit code."""
