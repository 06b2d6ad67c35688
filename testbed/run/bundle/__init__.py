# SPDX-License-Identifier: GPL-2.0-only
"""Bundles: a cell of a run as one file that anybody can run, and that file run again."""
