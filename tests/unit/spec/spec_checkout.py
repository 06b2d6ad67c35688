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
    return tree
