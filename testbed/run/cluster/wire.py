# SPDX-License-Identifier: GPL-2.0-only
"""What passes between orchestrator and workers: artefacts by content, cells to run, results with their files."""

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import testbed
from testbed.build import GuestImage, KernelImage
from testbed.errors import MeasureError
from testbed.run.cell import Job
from testbed.store.record import CellResult

__all__ = [
    "EXTRA",
    "Artefact",
    "File",
    "Order",
    "Outcome",
    "guest_artefact",
    "kernel_artefact",
    "pack",
    "source_digest",
    "unpack",
]

#: The name under which a worker tells the scheduler of itself when it registers.
EXTRA = "testbed"
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class File:
    """One file of an artefact; ``size`` in bytes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Artefact:
    """Files that a cell needs from a kernel or a guest; ``key`` is what they are cached under where they were built."""

    kind: str
    key: str
    files: tuple[File, ...]

    @property
    def digest(self) -> str:
        """The hash of all content: builds of the same key may differ in bytes, artefacts of the same digest don't."""
        told = "".join(f"{file.sha256} {file.size} {file.name}\n" for file in self.files)
        return hashlib.sha256(f"{self.kind}\n{told}".encode()).hexdigest()


@dataclass(frozen=True)
class Order:
    """A cell for a worker; the paths of ``job`` are the orchestrator's. ``source`` is :func:`source_digest` there."""

    job: Job
    kernel: Artefact
    guest: Artefact
    accel: str
    require_kvm: bool
    source: str


@dataclass(frozen=True)
class Outcome:
    """What a worker gives back: the result, and the cell's files as :func:`pack` gives them.

    ``result`` is None where the worker had to end the cell because it goes itself.
    """

    result: CellResult | None
    files: bytes = b""


def kernel_artefact(image: KernelImage) -> Artefact:
    """Give what boots, what a census needs, and what a stack is decoded by."""
    names = [image.bzimage.name, image.vmlinux.name, "System.map"]
    return Artefact("kernel", image.path.name, _files(image.path, names))


def guest_artefact(image: GuestImage) -> Artefact:
    """Give the initramfs."""
    return Artefact("guest", image.key, _files(image.initramfs.parent, [image.initramfs.name]))


def file_sum(path: Path) -> str:
    """Give the sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def source_digest() -> str:
    """Give a hash of this package's own code: who runs a cell must be who judges it."""
    root = Path(testbed.__file__).parent
    told = [f"{file_sum(path)} {path.relative_to(root)}\n" for path in sorted(root.rglob("*.py"))]
    return hashlib.sha256("".join(told).encode()).hexdigest()[:16]


def pack(folder: Path) -> bytes:
    """Give all files below a folder as a compressed tar."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                tar.add(path, str(path.relative_to(folder)), recursive=False)
    return gzip.compress(sink.getvalue(), 1)


def unpack(packed: bytes, folder: Path) -> None:
    """Write the files into ``folder``, none outside; MeasureError where that is no such tar."""
    for name, content in _files_of(packed):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _files_of(packed: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        # as a whole, so that its checksum is seen before the first file is written
        whole = gzip.decompress(packed)
        with tarfile.open(fileobj=io.BytesIO(whole), mode="r:") as tar:
            for member in tar:
                name = PurePosixPath(member.name)
                source = tar.extractfile(member) if member.isfile() else None
                if source is None or name.is_absolute() or ".." in name.parts:
                    raise MeasureError(f"a worker sent {member.name!r}, which is no file of a cell")
                yield member.name, source.read()
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise MeasureError(f"the files that a worker sent can't be read: {error}") from error


def _files(folder: Path, names: Sequence[str]) -> tuple[File, ...]:
    paths = [folder / name for name in names]
    return tuple(File(path.name, path.stat().st_size, file_sum(path)) for path in paths)
