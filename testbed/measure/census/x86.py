# SPDX-License-Identifier: GPL-2.0-only
"""x86-64's page tables: the bits of an entry and the shape of a table, which every part of the census goes by.

Source: Intel SDM vol. 3A, "4-level paging and 5-level paging".
"""

import numpy as np

__all__ = ["ADDRESS", "ENTRIES", "ERRATUM", "LEAF", "PRESENT", "TABLE_BYTES"]

PRESENT = np.uint64(1)
LEAF = np.uint64(1 << 7)
ADDRESS = np.uint64(0x000F_FFFF_FFFF_F000)
# Accessed and dirty, which some CPUs set in entries that are not present (_PAGE_KNL_ERRATUM_MASK).
ERRATUM = np.uint64(0x60)
TABLE_BYTES = 4096
ENTRIES = 512
