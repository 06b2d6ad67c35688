# SPDX-License-Identifier: GPL-2.0-only
"""An initramfs: a cpio archive in the kernel's "newc" format, the same bytes for the same content.

Everything belongs to root, all times are 0, entries are sorted by name. Device nodes need no root on the host, as
they are only written down.
"""

import gzip
import io
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Archive", "file_of"]


@dataclass(frozen=True)
class _Node:
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


class Archive:
    """Files to be written; folders above an entry come by themselves."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    def __contains__(self, name: str) -> bool:
        return _clean(name) in self._nodes

    def folder(self, name: str, mode: int = 0o755) -> None:
        """Add an (empty) folder."""
        self._add(name, _Node(stat.S_IFDIR | mode))

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Add a file."""
        self._add(name, _Node(stat.S_IFREG | mode, data))

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(name, _Node(stat.S_IFLNK | 0o777, target.encode()))

    def character_device(self, name: str, major: int, minor: int, mode: int = 0o600) -> None:
        """Add a character device."""
        self._add(name, _Node(stat.S_IFCHR | mode, device=(major, minor)))

    def write(self, path: Path) -> None:
        """Write the archive, compressed little, since it is read once and at once."""
        with path.open("wb") as stream:
            stream.write(gzip.compress(self.to_bytes(), compresslevel=1, mtime=0))

    def to_bytes(self) -> bytes:
        """The archive, not compressed."""
        out = io.BytesIO()
        for number, name in enumerate(sorted(self._nodes), start=1):
            _write_entry(out, number, name, self._nodes[name])
        _write_entry(out, 0, "TRAILER!!!", _Node(0))
        return out.getvalue()

    def _add(self, name: str, node: _Node) -> None:
        clean = _clean(name)
        for parent in PurePosixPath(clean).parents:
            if str(parent) != ".":
                self._nodes.setdefault(str(parent), _Node(stat.S_IFDIR | 0o755))
        self._nodes[clean] = node


def file_of(path: Path, name: str) -> bytes | None:
    """Give the bytes of a file in an archive that :class:`Archive` wrote, None where it has no such file."""
    data, at, wanted = gzip.decompress(path.read_bytes()), 0, _clean(name)
    while data[at : at + 6] == b"070701":
        fields = [int(data[at + 6 + 8 * number : at + 14 + 8 * number], 16) for number in range(13)]
        mode, size, length = fields[1], fields[6], fields[11]
        start = at + 110 + length + -(110 + length) % 4
        if data[at + 110 : at + 109 + length].decode() == wanted and stat.S_ISREG(mode):
            return data[start : start + size]
        at = start + size + -size % 4
    return None


def _clean(name: str) -> str:
    return str(PurePosixPath("/", name).relative_to("/"))


def _write_entry(out: io.BytesIO, number: int, name: str, node: _Node) -> None:
    """One header of 13 fields of 8 hex digits, the name, the data, each padded to 4 bytes."""
    path = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(node.mode) else 1
    # inode, mode, uid, gid, links, time, size, device of the file, device that it is, length of name, checksum
    fields = (number, node.mode, 0, 0, links, 0, len(node.data), 0, 0, *node.device, len(path), 0)
    out.write(b"070701" + b"".join(b"%08x" % field for field in fields) + path)
    out.write(bytes(-out.tell() % 4))
    out.write(node.data)
    out.write(bytes(-out.tell() % 4))
