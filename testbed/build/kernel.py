# SPDX-License-Identifier: GPL-2.0-only
"""A kernel from its recipe: built once in a tree that is thrown away, kept under the recipe's key."""

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.build import cache, process
from testbed.build.bzimage import check_build_id
from testbed.build.progress import Progress, silent
from testbed.build.recipe import Recipe, build_environment, make_argv, make_recipe, prepare_tree
from testbed.build.series import patchset_hash, read_series
from testbed.errors import BuildError
from testbed.spec import KernelSpec

__all__ = [
    "KernelImage",
    "build_kernel",
    "build_recipe",
    "kernel_patchset_hash",
    "kernel_path",
    "stored_kernel",
    "stored_patches",
    "vmlinux_by_build_id",
]

FACTS = "kernel.json"
_COMPILED = re.compile(r"^  (?:HOST)?(?:CC|AS) ")


@dataclass(frozen=True)
class KernelImage:
    """A built kernel; ``cached`` tells whether it was there before it was asked for."""

    name: str
    release: str
    path: Path
    bzimage: Path
    vmlinux: Path
    config: Path
    patchset_hash: str | None
    config_hash: str
    build_id: str
    source_version: str
    compiler: str
    cached: bool


def build_kernel(root: Path, spec: KernelSpec, progress: Progress = silent) -> KernelImage:
    """The kernel that the spec means now, from the cache (in well below a second) or built."""
    return build_recipe(make_recipe(root, spec, progress), progress)


def kernel_path(root: Path, spec: KernelSpec, progress: Progress = silent) -> Path:
    """Where the bzImage of a kernel is, or will be once it is built."""
    return cache.cache_root() / "kernel" / make_recipe(root, spec, progress).key / "bzImage"


def kernel_patchset_hash(root: Path, spec: KernelSpec) -> str | None:
    """The patchset hash of all its patches as they are now, whether it was ever built or not."""
    return patchset_hash((*read_series(root, spec.series), *spec.patches))


def build_recipe(recipe: Recipe, progress: Progress = silent) -> KernelImage:
    """The kernel of a recipe; BuildError names the patch and hunk, the option or the compiler's last words."""
    step = f"kernel {recipe.name}"
    log = cache.cache_root() / "logs" / f"kernel-{recipe.key[:16]}.log"

    def make(entry: Path) -> None:
        log.unlink(missing_ok=True)
        with cache.work_folder() as work:
            tree = work / "linux"
            prepare_tree(recipe, tree, log, progress)
            _compile(recipe, tree, log, progress)
            _keep(recipe, tree, entry)

    waiting = "waits for another build of the same kernel"
    entry, cached = cache.get_or_make("kernel", recipe.key, make, lambda: progress(step, waiting))
    image = _read(recipe.name, entry, cached)
    progress(step, f"{'cached' if cached else 'built'}: {image.release}")
    return image


def _compile(recipe: Recipe, tree: Path, log: Path, progress: Progress) -> None:
    """Run make, and tell how many files are compiled of how many it took last time."""
    step = f"kernel {recipe.name}"
    same = f"compiles-{_sum(tree / '.config')[:16]}"
    alike = f"compiles-{recipe.source.key[:16]}"
    total = cache.recorded(same)
    about = cache.recorded(alike)
    compiled = 0

    def count(line: str) -> None:
        nonlocal compiled
        if _COMPILED.match(line):
            compiled += 1
            known = f"/{total}" if total else f" of about {about}" if about else ""
            progress(step, f"compile {compiled}{known}")
        elif line.startswith("  LD      vmlinux"):
            progress(step, "link")

    jobs = len(os.sched_getaffinity(0))
    argv = [*make_argv(tree), f"-j{jobs}", "bzImage", "vmlinux"]
    process.run(argv, log, cwd=tree, env=build_environment(tree), on_line=count)
    cache.record(same, compiled)
    cache.record(alike, compiled)


def _keep(recipe: Recipe, tree: Path, entry: Path) -> None:
    """Move what a guest and its examination need into the entry; the rest of the tree goes."""
    (tree / "arch/x86/boot/bzImage").rename(entry / "bzImage")
    (tree / "vmlinux").rename(entry / "vmlinux")
    (tree / "System.map").rename(entry / "System.map")
    (tree / ".config").rename(entry / "config")
    (tree / "config.requested").rename(entry / "config.requested")
    (entry / "patches").mkdir()
    for patch in recipe.patches:
        shutil.copyfile(patch, entry / "patches" / patch.name)
    notes = process.capture(["readelf", "-n", entry / "vmlinux"])
    found = re.search(r"Build ID: ([0-9a-f]+)", notes)
    build_id = found[1] if found else ""
    check_build_id(entry / "bzImage", build_id)
    facts = {
        "release": (tree / "include/config/kernel.release").read_text().strip(),
        "patches": [patch.name for patch in recipe.patches],
        "patchset_hash": patchset_hash(recipe.patches),
        "config_hash": _sum(entry / "config"),
        "build_id": build_id,
        "source_version": recipe.source.version,
        "source_key": recipe.source.key,
        "compiler": process.capture(["gcc", "--version"]).splitlines()[0],
    }
    (entry / FACTS).write_text(json.dumps(facts, indent=1) + "\n")


def stored_kernel(name: str, key: str) -> KernelImage | None:
    """The kernel that was built under this key, None where the cache has it no more."""
    entry = cache.look_up("kernel", key)
    return _read(name, entry, cached=True) if entry else None


def stored_patches(image: KernelImage) -> tuple[Path, ...]:
    """The patches of a kernel as it was built, in order; BuildError where the order is not known any more."""
    folder = image.path / "patches"
    facts: dict[str, Any] = json.loads((image.path / FACTS).read_text())
    # what was built before the order was kept has patches whose names are numbered
    names = facts.get("patches") or sorted(path.name for path in folder.iterdir())
    patches = tuple(folder / name for name in names)
    if patchset_hash(patches) != image.patchset_hash:
        raise BuildError(f"{folder}: the order of the patches was not kept; remove {image.path} and build it again")
    return patches


def _read(name: str, entry: Path, cached: bool) -> KernelImage:
    facts: dict[str, Any] = json.loads((entry / FACTS).read_text())
    return KernelImage(
        name=name,
        release=facts["release"],
        path=entry,
        bzimage=entry / "bzImage",
        vmlinux=entry / "vmlinux",
        config=entry / "config",
        patchset_hash=facts["patchset_hash"],
        config_hash=facts["config_hash"],
        build_id=facts["build_id"],
        source_version=facts["source_version"],
        compiler=facts["compiler"],
        cached=cached,
    )


def vmlinux_by_build_id(build_id: str) -> Path | None:
    """The vmlinux of a cached kernel, whatever its name was; None where no kernel of ours is that build."""
    for facts in sorted((cache.cache_root() / "kernel").glob(f"*/{FACTS}")):
        if json.loads(facts.read_text())["build_id"] == build_id:
            return facts.with_name("vmlinux")
    return None


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
