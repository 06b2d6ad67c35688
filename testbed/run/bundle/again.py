# SPDX-License-Identifier: GPL-2.0-only
"""A bundle run again by the testbed, on the kernel and the guest that are in it.

Of a bundle the host reads files and runs nothing: its kernel and its programs run in a guest, its shell script not at
all.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from testbed.build import GuestImage, KernelImage, patchset_hash, work_folder
from testbed.errors import SpecError
from testbed.run.bundle.pack import BUNDLE, IMAGES, SCHEMA
from testbed.run.bundle.reread import Text, cell_of, validated
from testbed.run.plan import Cell
from testbed.run.reproduce.grades import Search
from testbed.run.reproduce.subject import Images, Subject
from testbed.spec import BugSpec
from testbed.store.bundle import unpack_bundle

__all__ = ["opened_bundle"]

LONGEST_JSON = 4 << 20
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Kernel(_Model):
    name: Text
    key: Hash
    release: Text
    source_version: Text
    patchset_hash: Hash | None
    config_hash: Hash
    build_id: Hash
    compiler: Text


class _Accel(_Model):
    kind: Text
    reason: str


class _Bundle(_Model):
    schema_: Annotated[int, Field(alias="schema")]
    testbed: Text
    run: Text
    made_of: Literal["bug", "verdict"]
    kernel: _Kernel
    guest_key: Hash
    accel: _Accel
    argv: list[str]
    cell: dict[str, Any]


@contextmanager
def opened_bundle(path: Path, attempts: int | None = None) -> Iterator[Search]:
    """Unpack a bundle for as long as the block lasts, and give what is to be looked for.

    SpecError, in one line that begins with the bundle's name, for anything that is not one; nothing is left then.
    """
    with work_folder() as work:
        top = unpack_bundle(path, work)
        about = _about(top, f"{path}: {BUNDLE}")
        cell = cell_of(about.cell, f"{path}: {BUNDLE}: cell")
        images = _images(top, about, cell, f"{path}: {BUNDLE}")
        bug = _bug(cell, str(path))
        subject = Subject(cell.kernel, cell.guest, cell.scenario, images)
        yield Search(str(path), bug, subject, attempts or bug.attempts)


def _about(top: Path, where: str) -> _Bundle:
    file = top / BUNDLE
    if not file.is_file() or file.stat().st_size > LONGEST_JSON:
        raise SpecError(f"{where}: is not there, or too long")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:
        raise SpecError(f"{where}: no JSON ({problem})") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise SpecError(f"{where}: is of schema {schema!r}; this testbed reads {SCHEMA}")
    about: _Bundle = validated(_Bundle, data, where)
    return about


def _images(top: Path, about: _Bundle, cell: Cell, where: str) -> Images:
    """Give the images, having seen that they are what they are called."""
    files = {what: top / name for what, name in IMAGES.items()}
    for path in files.values():
        if not path.is_file():
            raise SpecError(f"{where}: {path.name} is not in the bundle")
    kernel = about.kernel
    if kernel.name != cell.kernel.name:
        raise SpecError(f"{where}: its kernel is {kernel.name!r}, that of its cell {cell.kernel.name!r}")
    if hashlib.sha256(files["config"].read_bytes()).hexdigest() != kernel.config_hash:
        raise SpecError(f"{where}: config is not that of its kernel (config_hash)")
    if _patchset_hash(top / "patches", where) != kernel.patchset_hash:
        raise SpecError(f"{where}: patches are not those of its kernel (patchset_hash)")
    image = KernelImage(
        name=kernel.name,
        release=kernel.release,
        path=top,
        bzimage=files["bzimage"],
        vmlinux=files["vmlinux"],
        config=files["config"],
        patchset_hash=kernel.patchset_hash,
        config_hash=kernel.config_hash,
        build_id=kernel.build_id,
        source_version=kernel.source_version,
        compiler=kernel.compiler,
        cached=True,
    )
    return Images(image, GuestImage(cell.guest.name, files["initramfs"], about.guest_key, cached=True))


def _patchset_hash(folder: Path, where: str) -> str | None:
    listing = folder / "series"
    names = listing.read_text(encoding="utf-8", errors="replace").split() if listing.is_file() else []
    patches = [folder / name for name in names]
    if any("/" in name or name.startswith(".") or not (folder / name).is_file() for name in names):
        raise SpecError(f"{where}: patches/series names what is not in the bundle")
    return patchset_hash(patches)


def _bug(cell: Cell, where: str) -> BugSpec:
    if cell.bug is None or not cell.bug.signs:
        raise SpecError(f"{where}: its cell could not be judged, so there is nothing to look for")
    # the guest has as many vCPUs already, and what its kernel may have is told by no configuration here
    return replace(cell.bug, amplify=replace(cell.bug.amplify, vcpus=None))
