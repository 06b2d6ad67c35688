# SPDX-License-Identifier: GPL-2.0-only
"""A worker's cache of artefacts: what it built itself if that is the same to the byte, else what was sent to it.

What is sent is checked against its hash before it appears under its name; of a transfer that breaks off nothing stays.
All workers of a host share one cache, and hosts may share one over NFS: it has an id of its own, and is sent to once.
"""

import uuid
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.build.cache import cache_root, get_or_make, lock, record, recorded
from testbed.errors import MeasureError
from testbed.run.cluster.wire import Artefact, file_sum

__all__ = ["CHUNK_BYTES", "chunks_of", "find", "install", "store_id"]

#: Before compression. A message holds up the scheduler for as long as it takes to pass on.
CHUNK_BYTES = 8 << 20
FETCHED = "fetched"
ID = "store"

_known: dict[str, Path] = {}


def store_id() -> str:
    """Give the id of this cache folder, which is made the first time."""
    with lock(ID):
        known = recorded(ID)
        if not isinstance(known, str):
            known = uuid.uuid4().hex
            record(ID, known)
        return known


def find(artefact: Artefact) -> Path | None:
    """Give the folder that holds an artefact whole; None where this cache has no such."""
    if artefact.digest not in _known:
        folder = _look(artefact)
        if folder is None:
            return None
        _known[artefact.digest] = folder  # hashing a kernel takes half a second
    return _known[artefact.digest]


def _look(artefact: Artefact) -> Path | None:
    fetched = cache_root() / FETCHED / artefact.digest
    if fetched.is_dir():
        return fetched  # it was checked when it came
    built = cache_root() / artefact.kind / artefact.key
    same = all(
        (built / file.name).is_file()
        and (built / file.name).stat().st_size == file.size
        and file_sum(built / file.name) == file.sha256
        for file in artefact.files
    )
    return built if same else None


def chunks_of(artefact: Artefact, folder: Path) -> Iterator[bytes]:
    """Give the artefact's files, one after the other, in compressed pieces; debug information shrinks to a third."""
    for file in artefact.files:
        with (folder / file.name).open("rb") as stream:
            while piece := stream.read(CHUNK_BYTES):
                yield zlib.compress(piece, 1)


def install(artefact: Artefact, chunks: Sequence[bytes]) -> Path:
    """Write an artefact into the cache, once whoever calls; MeasureError where it is not what it should be."""

    def make(entry: Path) -> None:
        pieces = iter(chunks)
        for file in artefact.files:
            _write(entry / file.name, file.size, pieces)
            if file_sum(entry / file.name) != file.sha256:
                raise MeasureError(f"{artefact.kind} {artefact.key[:16]}: {file.name} came with other content")

    entry, _ = get_or_make(FETCHED, artefact.digest, make)
    return entry


def _write(path: Path, size: int, pieces: Iterator[bytes]) -> None:
    """Write the file that the next pieces hold; no piece holds parts of two."""
    with path.open("wb") as sink:
        while sink.tell() < size:
            try:
                sink.write(zlib.decompress(next(pieces, b"")))
            except zlib.error as error:
                raise MeasureError(f"{path.name} came torn, after {sink.tell()} of {size} bytes") from error
