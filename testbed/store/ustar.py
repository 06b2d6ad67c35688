# SPDX-License-Identifier: GPL-2.0-only
"""A tar archive of regular files alone (POSIX.1-1988 "ustar"), the same bytes for the same content.

Read so strictly that nothing else gets through: no links, devices or folders, no extended headers, no other dialects.
"""

import re
import tarfile
from dataclasses import dataclass

__all__ = ["BLOCK", "Entry", "header", "padding", "read_header", "trailer"]

BLOCK = 512
LARGEST = 8**11 - 1  # eleven octal digits
_PART = re.compile(r"[A-Za-z0-9_+~@.,:=#%-]{1,100}")
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a folder of its own",
    b"6": "a named pipe",
    b"x": "an extended header",
    b"g": "an extended header",
    b"L": "an extended header",
    b"K": "an extended header",
    b"S": "a sparse file",
}


@dataclass(frozen=True)
class Entry:
    """A file: its name below the archive's root, how many bytes it has, and whether it can be run."""

    name: str
    size: int
    executable: bool = False


def header(entry: Entry) -> bytes:
    """Give the block before a file's bytes; ValueError for a name or size that the format can't hold."""
    check_parts(entry.name)
    if entry.size > LARGEST:
        raise ValueError(f"{entry.name} has {entry.size} bytes; a file of an archive may have {LARGEST}")
    info = tarfile.TarInfo(entry.name)
    info.size = entry.size
    info.mode = 0o755 if entry.executable else 0o644
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii")


def padding(size: int) -> bytes:
    """Give what fills the last block of a file."""
    return bytes(-size % BLOCK)


def trailer() -> bytes:
    """Give what ends an archive."""
    return bytes(2 * BLOCK)


def read_header(block: bytes) -> Entry | None:
    """Give what a header says, None where the archive ends; ValueError, in words for a person, for anything else."""
    if not any(block):
        return None
    # a reader of its own: tarfile reads extended headers of any size into memory, and knows too many kinds of entry
    if len(block) != BLOCK or block[257:263] != b"ustar\0":
        raise ValueError("not the tar archive that a bundle is")
    if _octal(block[148:156]) != sum(block[:148]) + sum(block[156:]) + 8 * 0x20:
        raise ValueError("a header of the tar archive is damaged")
    prefix, name = _text(block[345:500]), _text(block[:100])
    name = f"{prefix}/{name}" if prefix else name
    kind = block[156:157]
    if kind not in (b"0", b"\0"):
        raise ValueError(f"{name!r} is {_KINDS.get(kind, 'of an unknown kind')}, a bundle has files alone")
    check_parts(name)
    return Entry(name, _octal(block[124:136]), bool(_octal(block[100:108]) & 0o100))


def check_parts(name: str) -> None:
    """Raise ValueError unless a name goes downwards from where it starts, in plain letters."""
    for part in name.split("/"):
        if part in ("", ".", "..") or not _PART.fullmatch(part):
            what = "leaves its folder" if part in ("", "..") else "is no name of a bundle's file"
            raise ValueError(f"{name!r} {what}")


def _octal(field: bytes) -> int:
    digits = field.rstrip(b" \0").lstrip(b" ")
    if not re.fullmatch(rb"[0-7]+", digits):
        raise ValueError("a header of the tar archive is damaged")
    return int(digits, 8)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("ascii", "backslashreplace")
