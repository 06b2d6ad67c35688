# SPDX-License-Identifier: GPL-2.0-only
"""Where a guest's memory lies and how it is read; the same bytes by every way is tested on a real guest."""

import os
import struct

import numpy as np
import pytest

from testbed.errors import MeasureError
from testbed.measure.census import Block, FileMemory, QemuMemory, dump_blocks, qemu_blocks

TREE = """
FlatView #0
 AS "I/O", root: io
  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan

FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-000000000009ffff (prio 0, ram): pc.ram
  00000000000a0000-00000000000bffff (prio 1, i/o): vga
  00000000000c0000-00000000000dffff (prio 0, rom): pc.ram @00000000000c0000
  0000000000100000-000000003fffffff (prio 0, ram): pc.ram @0000000000100000
  0000000100000000-000000013fffffff (prio 0, ram): pc.ram @0000000040000000
"""


def monitor(tree: str, base: int = 0x7F00_0000_0000):
    def execute(command, arguments):
        assert command == "human-monitor-command"
        line = arguments["command-line"]
        if line == "info mtree -f":
            return tree
        address = int(line.split()[1], 16)
        return f"Host virtual address for {address:#x} (pc.ram) is {base + address:#x}\r\n"

    return execute


def test_ram_of_a_machine_is_what_its_memory_tree_calls_ram():
    blocks = qemu_blocks(monitor(TREE))
    assert [(block.start, block.size) for block in blocks] == [
        (0, 0xA0000),
        (0x100000, 0x3FF00000),
        (0x1_0000_0000, 0x4000_0000),
    ]
    assert blocks[2].at == 0x7F01_0000_0000


def test_monitor_that_tells_no_ram_or_no_address_is_an_error_that_shows_its_words():
    with pytest.raises(MeasureError, match="shows no RAM"):
        qemu_blocks(monitor("FlatView #0\n"))
    with pytest.raises(MeasureError, match="No memory is mapped"):
        qemu_blocks(lambda _, arguments: TREE if "mtree" in arguments["command-line"] else "No memory is mapped")


def test_neighbours_strangers_and_repeats_are_read_in_the_order_that_was_asked():
    data = np.random.default_rng(1).integers(0, 255, (64, 4096), dtype=np.uint8)
    memory = QemuMemory(os.getpid(), [Block(0x10000, data.nbytes, data.ctypes.data)])
    wanted = np.array([3, 4, 5, 9, 9, 0, 63, 62, 1], dtype=np.uint64)
    assert np.array_equal(memory.gather(wanted * 4096 + 0x10000, 4096), data[wanted])
    words = np.array([8, 16, 24, 4096], dtype=np.uint64)
    assert memory.gather(words + 0x10000, 8).tolist() == [
        data.reshape(-1)[word : word + 8].tolist() for word in (8, 16, 24, 4096)
    ]
    assert memory.gather(wanted[:0], 4096).shape == (0, 4096)


def test_more_pieces_than_one_system_call_takes_are_read():
    data = np.arange(4096 * 8, dtype=np.uint64)
    memory = QemuMemory(os.getpid(), [Block(0, data.nbytes, data.ctypes.data)])
    order = np.random.default_rng(2).permutation(len(data)).astype(np.uint64)
    assert np.array_equal(memory.gather(order * 8, 8).view(np.uint64)[:, 0], data[order])


def test_inside_is_wholly_within_one_block(tmp_path):
    memory = QemuMemory(1, [Block(0x1000, 0x2000, 0), Block(0x8000, 0x1000, 0)])
    addresses = np.array([0, 0xFFF, 0x1000, 0x2000, 0x2001, 0x3000, 0x8000, 0x8001, 1 << 63], dtype=np.uint64)
    assert memory.inside(addresses, 0x1000).tolist() == [False, False, True, True, False, False, True, False, False]
    assert QemuMemory(1, []).inside(addresses, 8).tolist() == [False] * 9


def test_process_that_is_gone_is_an_error():
    memory = QemuMemory(2**22 - 1, [Block(0, 4096, 0x1000)])
    with pytest.raises(MeasureError, match="can't be read"):
        memory.gather(np.zeros(1, dtype=np.uint64), 4096)


def test_rows_of_a_file_are_taken_in_step_or_out_of_it(tmp_path):
    data = np.random.default_rng(3).integers(0, 255, 16 * 4096 + 100, dtype=np.uint8)
    (tmp_path / "ram").write_bytes(data.tobytes())
    memory = FileMemory(tmp_path / "ram", [Block(0, 16 * 4096, 100)])
    for addresses in ([0, 4096, 8192], [4096, 0, 4096], [5, 4096, 77]):
        got = memory.gather(np.array(addresses, dtype=np.uint64), 4096)
        assert got.tolist() == [data[100 + at : 100 + at + 4096].tolist() for at in addresses]


def test_dump_that_is_shorter_than_its_headers_say_has_less_ram(tmp_path):
    core = tmp_path / "core"
    headers = struct.pack("<IIQQQQQQ", 4, 0, 0, 0, 0, 10, 10, 0)
    headers += struct.pack("<IIQQQQQQ", 1, 0, 4096, 0, 0, 4096, 4096, 0)
    headers += struct.pack("<IIQQQQQQ", 1, 0, 8192, 0, 1 << 20, 1 << 20, 1 << 20, 0)
    ehdr = b"\x7fELF\x02\x01" + bytes(26) + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 3) + bytes(6)
    core.write_bytes((ehdr + headers).ljust(8192, b"\0"))
    blocks = dump_blocks(core)
    assert blocks == (Block(0, 4096, 4096), Block(1 << 20, 1 << 20, 8192))
    memory = FileMemory(core, blocks)
    assert memory.inside(np.array([0, 1 << 20], dtype=np.uint64), 4096).tolist() == [True, False]


def test_file_that_is_no_plain_elf_dump_has_no_blocks(tmp_path):
    (tmp_path / "core").write_bytes(b"KDUMP   " + bytes(100))
    assert dump_blocks(tmp_path / "core") is None


def test_block_within_another_hides_nothing_of_it(tmp_path):
    """A kernel's /proc/vmcore has its own image first, and then again within the RAM that it lies in."""
    file = tmp_path / "core"
    file.write_bytes(bytes([1] * 4096 + [2] * 4096 * 4))
    memory = FileMemory(file, [Block(0x2000, 0x1000, 0), Block(0x1000, 0x4000, 0x1000)])
    pages = np.array([0x0000, 0x1000, 0x2000, 0x3000, 0x4000, 0x5000], dtype=np.uint64)
    assert memory.inside(pages, 4096).tolist() == [False, True, True, True, True, False]
    assert memory.gather(pages[1:5], 4096)[:, 0].tolist() == [2, 2, 2, 2]
    assert memory.end == 0x5000
