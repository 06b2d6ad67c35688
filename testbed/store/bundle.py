# SPDX-License-Identifier: GPL-2.0-only
"""A bundle on disk: one folder of files with their SHA-256 sums, in one tar archive that zstd has compressed.

The same files give the same bytes. A bundle comes from anywhere, so it is unpacked only into a folder of the caller's,
and what is not exactly what :func:`write_bundle` writes is refused.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import zstandard

from testbed.errors import SpecError
from testbed.store.ustar import BLOCK, Entry, header, padding, read_header, trailer

__all__ = ["SUFFIX", "SUMS", "Limits", "Member", "is_bundle", "unpack_bundle", "write_bundle"]

SUFFIX = ".tar.zst"
SUMS = "SHA256SUMS"
# 12 takes 3 s for a kernel with its DWARF; 19 takes a minute, and saves a tenth.
LEVEL = 12
PIECE = 1 << 20
MAGIC = b"\x28\xb5\x2f\xfd"
FRAME_HEADER = 18  # bytes, at most
# A block of zstd's has 4 bytes or more and gives 128 KiB or less: no more than 32 MiB come of so much.
AT_ONCE = 1 << 10
_SUM = re.compile(r"([0-9a-f]{64})  (\S+)")


@dataclass(frozen=True)
class Member:
    """A file of a bundle: its bytes, or the file that they are in."""

    content: bytes | Path
    executable: bool = False


@dataclass(frozen=True)
class Limits:
    """What an archive may have at most: entries, bytes of one and of all, bytes out of one, bytes of zstd's window."""

    entries: int = 4096
    entry: int = 4 << 30
    total: int = 6 << 30
    ratio: int = 200
    window: int = 32 << 20


def is_bundle(word: str) -> bool:
    """Tell a bundle from the name of something else: by its suffix, or by what the file begins with."""
    path = Path(word)
    if word.endswith(SUFFIX):
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def write_bundle(path: Path, top: str, members: Mapping[str, Member]) -> int:
    """Write ``members`` and their sums below the folder ``top``, whole or not at all; the size of the file in bytes.

    Raises SpecError where it can't be written there, ValueError for names that can't be in a bundle.
    """
    sums = "".join(f"{_sum_of(members[name])}  {name}\n" for name in sorted(members))
    files = {**members, SUMS: Member(sums.encode())}
    entries = {name: Entry(f"{top}/{name}", _size_of(member), member.executable) for name, member in files.items()}
    headers = {name: header(entry) for name, entry in entries.items()}
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, threads=0)
            size = sum(BLOCK + entry.size + len(padding(entry.size)) for entry in entries.values()) + len(trailer())
            with compressor.stream_writer(file, size=size, closefd=False) as packed:
                for name in sorted(files):
                    packed.write(headers[name])
                    for piece in _pieces_of(files[name]):
                        packed.write(piece)
                    packed.write(padding(entries[name].size))
                packed.write(trailer())
        draft.replace(path)
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}; name a file that can be written by --out") from error
    finally:
        draft.unlink(missing_ok=True)
    return path.stat().st_size


def unpack_bundle(path: Path, into: Path, limits: Limits = Limits()) -> Path:
    """Unpack a bundle into an empty folder that nobody else writes to, and check it; the folder that is its top.

    Raises SpecError, in one line that begins with the bundle's name, where it is none or holds what is not allowed.
    Then nothing was written outside of ``into``, and what is there is not to be used.
    """
    try:
        with path.open("rb") as file:
            done = _Unpacking(_Unpacked(file, limits), into, limits, os.fstat(file.fileno()).st_size)
            done.files()
        return _checked(into / done.top, done.sums)
    except zstandard.ZstdError as problem:
        raise SpecError(f"{path}: refused: is damaged ({problem})") from None
    except ValueError as problem:
        raise SpecError(f"{path}: refused: {problem}") from None
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror or error}") from None


class _Unpacked:
    """What is compressed in a file, piece by piece."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        beginning = file.read(FRAME_HEADER)
        if not beginning.startswith(MAGIC):
            raise ValueError("not a bundle (it is not compressed by zstd)")
        frame = zstandard.get_frame_parameters(beginning)
        if frame.window_size > limits.window:
            raise ValueError(f"zstd is to keep {frame.window_size >> 20} MiB; {limits.window >> 20} are allowed")
        if frame.content_size != zstandard.CONTENTSIZE_UNKNOWN and frame.content_size > limits.total:
            raise ValueError(f"would be {frame.content_size >> 20} MiB; {limits.total >> 20} are allowed")
        file.seek(0)
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=limits.window).decompressobj()
        self._ahead = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Give up to ``size`` bytes; none at the end, and none where the file is cut off."""
        while not self._ahead and not self._decompressor.eof:
            piece = self._file.read(AT_ONCE)
            if not piece:
                break
            self._ahead = memoryview(self._decompressor.decompress(piece))
        piece = bytes(self._ahead[:size])
        self._ahead = self._ahead[size:]
        return piece

    def end(self) -> None:
        """Raise ValueError unless all was read and the file ends where the compressed data does."""
        if self.read(1) or self._decompressor.unused_data or self._file.read(1):
            raise ValueError("has more behind its end")
        if not self._decompressor.eof:
            raise ValueError("is cut off")


@dataclass
class _Unpacking:
    """An archive on its way to the disk; ``sums`` is what was written, by name below ``top``."""

    packed: _Unpacked
    into: Path
    limits: Limits
    size: int
    top: str = ""
    sums: dict[str, str] = field(default_factory=dict)
    read: int = 0

    def files(self) -> None:
        """Write every file of the archive, up to its end."""
        while (entry := read_header(self._exactly(BLOCK))) is not None:
            self._check(entry)
            top, _, name = entry.name.partition("/")
            if not name:
                raise ValueError(f"{entry.name!r} is not in a folder; a bundle is one folder")
            if self.top and top != self.top:
                raise ValueError(f"has two folders, {self.top!r} and {top!r}; a bundle is one")
            if name in self.sums:
                raise ValueError(f"has {entry.name!r} twice")
            self.top = top
            self.sums[name] = self._write(entry)
        if any(self._exactly(BLOCK)):
            raise ValueError("the tar archive is damaged")
        self.packed.end()

    def _check(self, entry: Entry) -> None:
        limits = self.limits
        if len(self.sums) >= limits.entries:
            raise ValueError(f"has more than {limits.entries} files")
        if entry.size > limits.entry:
            raise ValueError(f"{entry.name!r} would be {entry.size >> 20} MiB; {limits.entry >> 20} are allowed")
        if self.read + entry.size > limits.total:
            raise ValueError(f"would be more than {limits.total >> 20} MiB")
        if self.read + entry.size > limits.ratio * max(self.size, PIECE):
            raise ValueError(f"would be more than {limits.ratio} times as large as its file")

    def _write(self, entry: Entry) -> str:
        path = self.into / entry.name
        try:
            path.parent.mkdir(0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except (FileExistsError, NotADirectoryError):
            raise ValueError(f"{entry.name!r} is a file and a folder") from None
        total, left = hashlib.sha256(), entry.size
        with open(handle, "wb") as file:  # noqa: PTH123 (a descriptor)
            while left:
                piece = self._exactly(min(left, PIECE))
                file.write(piece)
                total.update(piece)
                left -= len(piece)
        if any(self._exactly(len(padding(entry.size)))):
            raise ValueError("the tar archive is damaged")
        return total.hexdigest()

    def _exactly(self, size: int) -> bytes:
        pieces, left = [], size
        while left:
            piece = self.packed.read(left)
            if not piece:
                raise ValueError("is cut off")
            pieces.append(piece)
            left -= len(piece)
        self.read += size
        return b"".join(pieces)


def _checked(top: Path, sums: dict[str, str]) -> Path:
    """Give the folder, if it holds the files of its ``SHA256SUMS`` and no others."""
    if SUMS not in sums:
        raise ValueError(f"has no {SUMS}")
    wanted = {}
    for number, line in enumerate((top / SUMS).read_text("ascii").splitlines(), 1):
        found = _SUM.fullmatch(line)
        if found is None or found[2] in wanted:
            raise ValueError(f"{SUMS}:{number}: not a sum and a name, each name once")
        wanted[found[2]] = found[1]
    there = {name: total for name, total in sums.items() if name != SUMS}
    for problem, names in (
        ("is not there", wanted.keys() - there.keys()),
        (f"is not in {SUMS}", there.keys() - wanted.keys()),
        (f"is not what {SUMS} says", {name for name in wanted.keys() & there.keys() if wanted[name] != there[name]}),
    ):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise ValueError(f"{min(names)!r}{more} {problem}")
    return top


def _pieces_of(member: Member) -> Iterator[bytes]:
    if isinstance(member.content, bytes):
        yield member.content
        return
    with member.content.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _sum_of(member: Member) -> str:
    total = hashlib.sha256()
    for piece in _pieces_of(member):
        total.update(piece)
    return total.hexdigest()


def _size_of(member: Member) -> int:
    return len(member.content) if isinstance(member.content, bytes) else member.content.stat().st_size
