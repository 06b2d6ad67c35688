# SPDX-License-Identifier: GPL-2.0-only
"""Everything that goes into a kernel, known before anything is built: source, patches, options, compiler."""

import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from testbed.build import cache, process
from testbed.build.config import Asked, configure, read_fragments, requested_text
from testbed.build.kconfig import check_absent
from testbed.build.progress import Progress
from testbed.build.series import apply_series, read_series
from testbed.build.source import Source, find_source
from testbed.spec import Absent, KernelSpec

__all__ = [
    "Recipe",
    "brought_options",
    "build_environment",
    "configure_tree",
    "make_argv",
    "make_recipe",
    "prefixes",
    "prepare_tree",
]

#: Types and globals are what an examination from outside needs. Tracking where each local variable is would take a
#: sixth of the compile time, and changes no code.
FLAGS = ("-fno-var-tracking", "-fno-var-tracking-assignments")
#: The same wherever, whenever and by whomever the kernel is built.
FIXED = (
    "LOCALVERSION=",
    "KBUILD_BUILD_TIMESTAMP=1970-01-01 00:00:00 UTC",
    "KBUILD_BUILD_USER=testbed",
    "KBUILD_BUILD_HOST=testbed",
    "KBUILD_BUILD_VERSION=1",
)
#: Raised when the way of building changes, so that kernels built the old way are not taken for new ones.
WAY = 1


@dataclass(frozen=True)
class Recipe:
    """What a kernel is made of."""

    name: str
    source: Source
    patches: tuple[Path, ...]
    asked: tuple[Asked, ...]
    compiler: str
    absent: tuple[Absent, ...] = ()

    @property
    def key(self) -> str:
        """The content of all of it, and nothing else: neither names nor comments of fragments count."""
        patches = [hashlib.sha256(patch.read_bytes()).hexdigest() for patch in self.patches]
        made_of = (self.source.key, patches, requested_text(self.asked), self.compiler)
        return cache.key_of(WAY, FLAGS, FIXED, *made_of)


def make_recipe(root: Path, spec: KernelSpec, progress: Progress) -> Recipe:
    """What the spec means now; takes a fraction of a second and downloads nothing."""
    patches = (*read_series(root, spec.series), *spec.patches)
    left_out = {absent.option for absent in spec.absent}
    asked = tuple(entry for entry in read_fragments(spec.fragments) if entry.option not in left_out)
    source = find_source(root, spec.source, f"kernel {spec.name}", progress)
    return Recipe(spec.name, source, patches, asked, compiler_identity(), spec.absent)


def prefixes(recipe: Recipe) -> tuple[Recipe, ...]:
    """The kernel after each patch; an option that a later patch brings is not asked for before."""
    made = []
    for count in range(1, len(recipe.patches) + 1):
        coming = brought_options(recipe.patches[count:])
        asked = tuple(entry for entry in recipe.asked if entry.option not in coming)
        made.append(replace(recipe, patches=recipe.patches[:count], asked=asked))
    return tuple(made)


def brought_options(patches: Sequence[Path]) -> frozenset[str]:
    """The ``CONFIG_`` names that a source has with these patches and not without; one that is moved was there."""
    text = "\n".join(patch.read_text(errors="replace") for patch in patches)
    added, removed = (set(re.findall(rf"^{sign}\s*(?:menu)?config (\w+)\s*$", text, re.M)) for sign in (r"\+", "-"))
    return frozenset(f"CONFIG_{name}" for name in added - removed)


def prepare_tree(recipe: Recipe, tree: Path, log: Path, progress: Progress) -> None:
    """A tree with the series applied and ``.config`` written, and every asked option granted."""
    step = f"kernel {recipe.name}"
    recipe.source.place(tree)
    if recipe.patches:
        progress(step, f"apply {len(recipe.patches)} patches")
        apply_series(tree, recipe.patches)
    configure_tree(recipe, tree, log, progress)


def configure_tree(recipe: Recipe, tree: Path, log: Path, progress: Progress) -> None:
    """Write ``.config``, and see that it is what was asked: what is granted, and what this source really lacks."""
    progress(f"kernel {recipe.name}", "configure")
    check_absent(tree, recipe.absent)
    configure(tree, recipe.asked, log, build_environment(tree), make_argv(tree))


def compiler_identity() -> str:
    """Which compiler and binutils this is, down to how they were configured."""
    said = [process.attempt(["gcc", "-v"])[1], process.capture(["ld", "-v"])]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def make_argv(tree: Path) -> list[str]:
    """``make`` for this tree, with ccache where there is one; no path of the tree gets into the kernel."""
    mapped = f"-fdebug-prefix-map={tree}=."
    cached = f"sh {shlex.quote(str(Path(__file__).with_name('cc.sh')))}"
    compilers = [f"CC={cached}", "HOSTCC=ccache gcc"] if shutil.which("ccache") else ["CC=gcc", "HOSTCC=gcc"]
    return ["make", *compilers, f"KCFLAGS={' '.join(FLAGS)} {mapped}", f"KAFLAGS={mapped}", *FIXED]


def build_environment(tree: Path) -> dict[str, str]:
    """A small environment, so that nothing of the user's leaks into a kernel that the key doesn't know of.

    ccache is shared between trees: paths below the tree are taken relative to it. Another build that links the
    same files changes their ctime, which ccache would take for an edit while it compiles: hence the sloppiness.
    It learns what a file includes from the compiler's own dependency file, which kbuild asks for anyway: to run
    the preprocessor first costs a tenth of a build and found no further hit.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "TMPDIR", "USER") or name.startswith("CCACHE_")
    }
    ours = {
        "LC_ALL": "C",
        "CCACHE_BASEDIR": str(tree),
        "CCACHE_DEPEND": "1",
        "CCACHE_SLOPPINESS": "include_file_mtime,include_file_ctime",
    }
    return {"CCACHE_DIR": str(cache.cache_root() / "ccache"), **kept, **ours}
