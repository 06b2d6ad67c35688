# SPDX-License-Identifier: GPL-2.0-only
"""A new bug file from a pattern: one C file and one YAML side by side, which build and run as they are."""

from pathlib import Path

from testbed.errors import SpecError
from testbed.run.newscenario import WORKLOAD

__all__ = ["new_bug"]

BUG = """\
# SPDX-License-Identifier: GPL-2.0-only
title: Say here in one line what goes wrong
report: "message id or URL of the report, with prose if wanted"
# What is run: {name}.c beside this file. Or `scenario: KIND/NAME`, with params, memory, deadline and guest to override,
# in place of the keys from here to deadline. Or `shell: |`, lines for a shell, in place of workload.
guest: minimal
workload: {name}
params:
  span: 512MiB
phases: [start, peak, after]
deadline: 30s
kernel: vanilla-6.12               # what it was reported on
signature:                         # each of the list is the bug: metric, crash {{kind, title, report}} or said
  - metric: after.left_over.pte > 16
attempts: 10
expect:
  vanilla-6.12: reproduced
  ptreclaim-6.12: gone
"""


def new_bug(root: Path, bug: str) -> tuple[Path, Path]:
    """Write the two files of ``bugs/name``; SpecError if the name is odd or anything is there already."""
    name = bug.removeprefix("bugs/")
    if not name.replace("-", "").isalnum():
        raise SpecError(f"{bug}: a new bug is named bugs/NAME, e.g. bugs/lost-page")
    folder = root / "scenarios" / "bugs"
    workload, spec = folder / f"{name}.c", folder / f"{name}.yaml"
    for path in (workload, spec, root / "guests" / "workloads" / f"{name}.c"):
        if path.exists():
            raise SpecError(f"{path}: exists already; choose another name")
    folder.mkdir(exist_ok=True)
    workload.write_text(WORKLOAD.format(name=name))
    spec.write_text(BUG.format(name=name))
    return workload, spec
