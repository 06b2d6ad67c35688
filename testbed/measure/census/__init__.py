# SPDX-License-Identifier: GPL-2.0-only
"""Every page table of a guest, counted from outside at an instant when its vCPUs stand still."""

from testbed.measure.census.accounts import CgroupTables
from testbed.measure.census.blocks import dump_blocks, kernel_blocks, qemu_blocks
from testbed.measure.census.census import LEVELS, Accounts, Census, HugeEntries, Tables, by_class
from testbed.measure.census.memory import Block, DrgnMemory, FileMemory, Memory, QemuMemory
from testbed.measure.census.spaces import Space
from testbed.measure.census.take import stale_entries, table_frames, take
from testbed.measure.census.ways import WAYS, guest_memory, guest_memory_by

__all__ = [
    "LEVELS",
    "WAYS",
    "Accounts",
    "Block",
    "Census",
    "CgroupTables",
    "DrgnMemory",
    "FileMemory",
    "HugeEntries",
    "Memory",
    "QemuMemory",
    "Space",
    "Tables",
    "by_class",
    "dump_blocks",
    "guest_memory",
    "guest_memory_by",
    "kernel_blocks",
    "qemu_blocks",
    "stale_entries",
    "table_frames",
    "take",
]
