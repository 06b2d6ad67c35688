# SPDX-License-Identifier: GPL-2.0-only
"""A bisection over the patches of a kernel: its source alone, then each patch more, and last what the bug file adds."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from testbed.build.config import read_fragments
from testbed.build.recipe import brought_options
from testbed.build.series import read_series
from testbed.errors import SpecError
from testbed.run.bisect.ground import Candidate, Ground, line_ground
from testbed.run.reproduce.subject import Subject
from testbed.spec import Absent, KernelSpec, Tree

__all__ = ["patch_ground"]

#: What is no subject at the top of a patch.
_NO_SUBJECT = ("SPDX-License-Identifier:", "From ")


def patch_ground(root: Path, subject: Subject) -> Ground:
    """Give the ground of the patches of the subject's kernel; SpecError where it has none.

    An option that comes with a later patch is not asked for before it. Fragments from elsewhere than ``kernel/config``
    are the bug file's own: they come one by one behind the patches.
    """
    kernel = subject.kernel
    patches = (*read_series(root, kernel.series), *kernel.patches)
    shared = Tree(root.resolve()).fragment("base").parent
    own = tuple(fragment for fragment in kernel.fragments if not fragment.is_relative_to(shared))
    if not patches and not own:
        raise SpecError(
            f"kernel {kernel.name} has no patches to search; name one that has by --series, or use --git, --config or"
            " --guest"
        )
    steps = [_name(patch) for patch in patches] + [fragment.name for fragment in own]
    candidates = []
    for count in range(len(steps) + 1):
        applied, added = patches[:count], own[: max(0, count - len(patches))]
        candidates.append(
            Candidate(
                f"{count:02d}",
                steps[count - 1] if count else "the source alone",
                replace(subject, kernel=_prefix(kernel, count, applied, patches[count:], own[len(added) :])),
            )
        )
    return line_ground(f"the {len(steps)} patches of {kernel.name}", candidates)


def title_of(patch: Path) -> str:
    """Give the subject of a patch in git's form, of another its first line."""
    lines = patch.read_text(errors="replace").splitlines()
    for at, line in enumerate(lines):
        if line.startswith("Subject:"):
            folded = [line.partition(":")[2]]
            for more in lines[at + 1 :]:
                if not more.startswith((" ", "\t")):
                    break
                folded.append(more)
            return re.sub(r"^\[[^]]*\]\s*", "", " ".join(" ".join(folded).split()))
        if line.startswith(("---", "diff ")):
            break
    return next((line.strip() for line in lines if line.strip() and not line.startswith(_NO_SUBJECT)), patch.stem)


def _name(patch: Path) -> str:
    """The file's name, with the subject where git did not make the one from the other."""
    title = title_of(patch)
    words = re.sub(r"\W+", "-", title).strip("-").lower()
    stem = re.sub(r"^\d+-", "", patch.stem).lower()
    return patch.name if words.startswith(stem) else f"{patch.name} ({title})"


def _prefix(
    kernel: KernelSpec, count: int, applied: Sequence[Path], later: Sequence[Path], left_out: Sequence[Path]
) -> KernelSpec:
    fragments = tuple(fragment for fragment in kernel.fragments if fragment not in left_out)
    coming = brought_options(later)
    known = {absent.option for absent in kernel.absent}
    absent = tuple(
        Absent(asked.option, asked.where)
        for asked in read_fragments(fragments)
        if asked.option in coming and asked.option not in known
    )
    return replace(
        kernel,
        name=f"{kernel.name}~{count:02d}",
        series=None,
        patches=tuple(applied),
        fragments=fragments,
        absent=(*kernel.absent, *absent),
    )
