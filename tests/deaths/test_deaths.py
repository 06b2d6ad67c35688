# SPDX-License-Identifier: GPL-2.0-only
"""Each kind of death, provoked in a live guest: the right verdict, told at once."""

import pytest
from kinds import DEBUG, KINDS, Kind
from live import Death, accel, die

from testbed.run.launching import SILENCE_S, slowdown

TOLD_S = 2.0
# How long after its deadline a hang may take: the kernel is asked why first.
ASKED_S = 20.0
VANILLA = "vanilla-6.12"
# What any kernel can die of, and takes seconds.
QUICK = (
    "sysrq-c",
    "panic-no-root",
    "reset-early",
    "poweroff",
    "reboot",
    "oom-cgroup",
    "oom-child",
    "segv",
    "exit-3",
    "say-stderr",
    "say-kmsg",
    "say-console",
    "noise",
    "qemu-killed",
    "qemu-aborted",
)


def check(kind: Kind, death: Death) -> None:
    assert death.record["verdict"] == kind.expect, death.record["reason"]
    if kind.expect == "crash" and kind.says is not None:
        assert death.told_s is not None, f"the console never said {kind.says}"
        assert death.told_s <= TOLD_S, death.record["reason"]
    check_census(death.record)
    if kind.expect == "hang":
        assert death.record["wall_s"] <= SILENCE_S * slowdown(accel(), kind.kernel) + ASKED_S


def check_census(record: dict) -> None:
    """A guest whose memory is still there is counted once more, and nothing has got lost: workload, init, kernel."""
    phases = record["phases"]
    if "start" not in phases or record["verdict"] not in ("crash", "hang"):
        return
    death, start = phases["death"], phases["start"]
    assert death.get("census"), death
    for level in ("pte", "pmd", "pud"):
        assert death["census"][level]["tables"] + death["system"][level]["tables"] >= start["system"][level]["tables"]
        assert death["census"][level]["bad"] == death["system"][level]["bad"] == 0
    assert death["system"]["kernel"] >= start["system"]["kernel"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name in QUICK], ids=lambda kind: kind.name)
def test_death_of_any_kernel_is_told_rightly_and_at_once(kind, tmp_path):
    check(kind, die(kind, tmp_path, VANILLA))


@pytest.mark.night
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name + ("+debug" if kind.kernel == DEBUG else ""))
def test_each_kind_of_death_is_told_rightly_and_at_once(kind, tmp_path):
    check(kind, die(kind, tmp_path))
