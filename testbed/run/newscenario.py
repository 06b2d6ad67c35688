# SPDX-License-Identifier: GPL-2.0-only
"""A new scenario from a pattern: one C file and one YAML, which build and run as they are."""

from pathlib import Path

from testbed.errors import SpecError

__all__ = ["new_scenario"]

WORKLOAD = """\
// SPDX-License-Identifier: GPL-2.0-only
/* {name}: say here what this workload does to page tables, and where it comes from. */
#include "tb.h"

int main(int argc, char **argv)
{{
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	char *base = tb_map(span);

	tb_no_huge_pages();
	tb_phase("start");
	for (unsigned long at = 0; at < span; at += TB_TABLE)
		base[at] = 1;
	tb_phase("peak");
	tb_give_back(base, span);
	tb_phase("after");
	return 0;
}}
"""

SCENARIO = """\
# SPDX-License-Identifier: GPL-2.0-only
source: >
  Say where this comes from: a mail, a bug report, a measurement.
guest: minimal
workload: {name}
params:
  span: {{small: 512MiB, full: 50GiB}}
phases: [start, peak, after]
deadline: 60s
expect:
  "vanilla-*":
    - after.vmpte_kb >= 0.9 * peak.vmpte_kb
  "ptreclaim-*":
    - after.left_over.pte <= 16
"""


def new_scenario(root: Path, scenario: str) -> tuple[Path, Path]:
    """Write the two files of ``kind/name``; SpecError if the name is odd or anything is there already."""
    kind, slash, name = scenario.partition("/")
    if kind not in ("benign", "malicious", "stress") or not slash or not name.replace("-", "").isalnum():
        raise SpecError(f"{scenario}: a new scenario is named KIND/NAME, e.g. benign/my-workload")
    workload = root / "guests" / "workloads" / f"{name}.c"
    spec = root / "scenarios" / kind / f"{name}.yaml"
    for path in (workload, spec):
        if path.exists():
            raise SpecError(f"{path}: exists already; choose another name")
    workload.write_text(WORKLOAD.format(name=name))
    spec.write_text(SCENARIO.format(name=name))
    return workload, spec
