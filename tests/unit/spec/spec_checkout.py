# SPDX-License-Identifier: GPL-2.0-only
"""A small checkout, good until a test spoils one file of it."""

from dataclasses import dataclass
from pathlib import Path

KERNELS = """\
kernels:
  vanilla-6.12:
    source: {apt: linux-source-6.12}
    why: the problem
  ptreclaim-6.12:
    source: {apt: linux-source-6.12}
    series: ptreclaim
    config: [ptreclaim]
    why: our answer
"""
FRAGMENTS = {
    "base": "# CONFIG_COMMENT=y is told of\nCONFIG_X86_5LEVEL=y\n# CONFIG_SWAP is not set\n",
    "debug": "CONFIG_KASAN=y\n",
}
GUEST = """\
memory: 1GiB
vcpus: 2
levels: 4
packages: [libjemalloc2]
"""
SCENARIO = """\
source: >
  a mail
guest: minimal
workload: loop
params:
  span: {small: 512MiB, full: 50GiB}
  step: 2MiB
  rounds: 3
  mode: random
env:
  MALLOC_ARENA_MAX: 1
deadline: {small: 60s, full: 10min}
expect:
  "vanilla-*":
    - after.vmpte_kb >= 0.9 * peak.vmpte_kb
  "ptreclaim-*":
    - after.left_over.pte <= 16
  "*":
    - exit.status == 0
known_gap:
  "ptreclaim-*":
    expect: after.left_over_kb == 0
    reason: zeropage tables
"""
MATRIX = """\
kernels: [vanilla-6.12, ptreclaim-6.12+debug]
scale: small
scenarios:
  - benign/loop
  - benign/loop: {step: 4KiB}
"""
# Runs a scenario, on a kernel of the checkout's.
BUG = """\
title: Tables are lost
report: "a@b.c"
scenario: benign/loop
params: {step: 4KiB}
memory: 2GiB
kernel: vanilla-6.12
signature:
  - metric: [after.left_over.pte > 1000, exit.status == 0]
  - crash: {kind: kasan, title: "use-after-free in zap"}
  - said: contents lost
amplify: {vcpus: 4, host_cpus: 1, udelay: {zap_pte_range: 50}, icount: [0, 1]}
expect:
  vanilla-6.12: reproduced
  "ptreclaim-*": {gap: upper levels}
  ptreclaim-6.12+debug: gone
"""
# Runs a program of its own, on a kernel of its own.
OWN_BUG = """\
title: Tables are lost
report: "a@b.c"
guest: minimal
workload: own
params:
  span: {small: 512MiB, full: 50GiB}
  rounds: 3
env: {MALLOC_ARENA_MAX: 1}
phases: [start, end]
deadline: 60s
may_die: true
kernel:
  base: ptreclaim-6.12
  patches: [lost.patch, more.patch]
  config: [debug, more.config]
signature:
  - metric: end.vmpte_kb > 100
expect:
  ptreclaim-6.12+debug~own-bug: reproduced
  vanilla-6.12: gone
"""
# Runs lines of a shell, on a kernel whose source it brings.
SHELL_BUG = """\
title: Tables are lost
report: "a@b.c"
guest: minimal
shell: |
  tb-phase start
deadline: 60s
kernel:
  source: {git: linux, commit: "0123456789012345678901234567890123456789"}
  series: ptreclaim
  config: [debug]
  without: [X86_5LEVEL]
signature:
  - said: lost
"""


@dataclass(frozen=True)
class Checkout:
    root: Path

    def write(self, name: str, text: str | bytes) -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))


def make_checkout(root: Path) -> Checkout:
    tree = Checkout(root)
    for fragment in ("base", "debug", "kcsan", "ptreclaim"):
        tree.write(f"kernel/config/{fragment}.config", FRAGMENTS.get(fragment, ""))
    tree.write("kernel/series/ptreclaim/series", "")
    tree.write("kernel/kernels.yaml", KERNELS)
    tree.write("guests/minimal.yaml", GUEST)
    tree.write("guests/workloads/loop.c", "")
    tree.write("scenarios/benign/loop.yaml", SCENARIO)
    tree.write("scenarios/matrices/quick.yaml", MATRIX)
    tree.write("scenarios/bugs/lost.yaml", BUG)
    tree.write("scenarios/bugs/own-bug.yaml", OWN_BUG)
    tree.write("scenarios/bugs/own.c", "")
    tree.write("scenarios/bugs/lost.patch", "")
    tree.write("scenarios/bugs/more.patch", "")
    tree.write("scenarios/bugs/more.config", "CONFIG_MORE=y\n")
    tree.write("scenarios/bugs/in-shell.yaml", SHELL_BUG)
    tree.write("scenarios/bugs/linux/lost.patch", "")
    tree.write("scenarios/bugs/0001-first.patch", "")
    tree.write("kernel/series/ptreclaim/0001-first.patch", "")
    return tree
