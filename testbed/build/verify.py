# SPDX-License-Identifier: GPL-2.0-only
"""Is a kernel of ours fit to be sent: its series applies, is in style, its config is granted, each step works.

Booting is not known here; ``--each-patch`` hands each image to a function of the caller.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed.build import cache, process
from testbed.build.kernel import KernelImage, build_recipe
from testbed.build.progress import Progress, silent
from testbed.build.recipe import Recipe, configure_tree, make_recipe, prefixes
from testbed.build.series import apply_series
from testbed.errors import BuildError, TestbedError
from testbed.spec import KernelSpec

__all__ = ["Check", "VerifyReport", "verify_kernel"]

#: What checkpatch says of a patch in which it found nothing.
_READY = "has no obvious style problems and is ready for submission"
#: Boots an image and raises TestbedError if that doesn't work.
Boot = Callable[[KernelImage], None]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; ``problem`` is empty if it is fine."""

    what: str
    problem: str = ""


@dataclass(frozen=True)
class VerifyReport:
    """All that was looked at, in order."""

    kernel: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong."""
        return not any(check.problem for check in self.checks)


def verify_kernel(
    root: Path, spec: KernelSpec, progress: Progress = silent, *, each_patch: bool = False, boot: Boot | None = None
) -> VerifyReport:
    """Look at the series and the config; with ``each_patch`` build (and boot) the kernel after each patch, too."""
    recipe = make_recipe(root, spec, progress)
    with cache.work_folder() as work:
        tree = work / "linux"
        recipe.source.place(tree)
        checks = _apply(recipe, tree)
        applied = not any(check.problem for check in checks)
        checks += _style(recipe, tree, progress)
        if applied:
            checks.append(_granted(recipe, tree, progress))
    if applied and each_patch:
        checks += [_works(prefix, progress, boot) for prefix in prefixes(recipe)]
    return VerifyReport(spec.name, tuple(checks))


def _apply(recipe: Recipe, tree: Path) -> list[Check]:
    """Apply the series up to the first patch that doesn't go in; what comes after it can't be told."""
    checks: list[Check] = []
    for patch in recipe.patches:
        what = f"{patch.name}: applies with no fuzz"
        try:
            apply_series(tree, [patch])
        except BuildError as error:
            return [*checks, Check(what, str(error))]
        checks.append(Check(what))
    return checks


def _style(recipe: Recipe, tree: Path, progress: Progress) -> list[Check]:
    """The kernel's own checkpatch; FILE_PATH_CHANGES asks for MAINTAINERS entries that a series may leave out."""
    checks = []
    for patch in recipe.patches:
        progress(f"kernel {recipe.name}", f"checkpatch {patch.name}")
        argv = ["perl", "scripts/checkpatch.pl", "--strict", "--ignore=FILE_PATH_CHANGES"]
        _, said = process.attempt([*argv, "--color=never", patch], cwd=tree)
        fine = _READY in said  # one that fails to run says something else
        checks.append(Check(f"{patch.name}: checkpatch --strict", "" if fine else said.strip()))
    return checks


def _granted(recipe: Recipe, tree: Path, progress: Progress) -> Check:
    what = f"config: {len(recipe.asked)} options asked, all granted"
    log = cache.cache_root() / "logs" / f"verify-{recipe.key[:16]}.log"
    try:
        configure_tree(recipe, tree, log, progress)
    except BuildError as error:
        return Check(what, str(error))
    return Check(what)


def _works(prefix: Recipe, progress: Progress, boot: Boot | None) -> Check:
    """Build the kernel, and boot it unless this very kernel has booted before."""
    what = f"{prefix.patches[-1].name}: builds{' and boots' if boot else ''}"
    fact = f"booted-{prefix.key[:32]}"
    try:
        image = build_recipe(prefix, progress)
        if boot and not cache.recorded(fact):
            progress(f"kernel {prefix.name}", f"boot with {len(prefix.patches)} patches")
            boot(image)
            cache.record(fact, image.release)
    except TestbedError as error:
        return Check(what, str(error))
    return Check(what)
