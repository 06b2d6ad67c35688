# SPDX-License-Identifier: GPL-2.0-only
"""Whether a bzImage holds the kernel that was built with it."""

import zlib
from pathlib import Path

from testbed.errors import BuildError

__all__ = ["check_build_id"]

# Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"
SETUP_SECTORS = 0x1F1
PAYLOAD_OFFSET = 0x248
PAYLOAD_LENGTH = 0x24C
SECTOR = 512
GZIP = b"\x1f\x8b"


def check_build_id(bzimage: Path, build_id: str) -> None:
    """Raise BuildError unless the compressed kernel holds ``build_id`` (hex); what is no gzip is not looked into.

    A stale object in a compiler cache boots all the same, and every address in its vmlinux would be a lie.
    """
    image = bzimage.read_bytes()
    start = (image[SETUP_SECTORS] + 1) * SECTOR + _number(image, PAYLOAD_OFFSET)
    payload = image[start : start + _number(image, PAYLOAD_LENGTH)]
    if not payload.startswith(GZIP):
        return
    kernel = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(payload)
    if bytes.fromhex(build_id) not in kernel:
        other = f"{bzimage.name} holds another kernel than vmlinux (build ID {build_id})"
        raise BuildError(f"{other}; clear ccache: ccache -C")


def _number(image: bytes, offset: int) -> int:
    return int.from_bytes(image[offset : offset + 4], "little")
