# SPDX-License-Identifier: GPL-2.0-only
"""Reports, one file a format, all made from the lines of ``results.jsonl``."""
