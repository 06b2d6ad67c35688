# SPDX-License-Identifier: GPL-2.0-only
"""What makes a race likelier comes to kernel, guest and launch; what can't be done is said before anything starts."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from made_bugs import ROOT, bug

from testbed.build.recipe import make_recipe
from testbed.errors import HostError, MeasureError, SpecError
from testbed.machine.accel import Accel
from testbed.machine.qemu import Icount, Launch, qemu_argv
from testbed.run.cell import Job, launch_for
from testbed.run.delaypoints import check_points, points_parameter
from testbed.run.launching import slowdown
from testbed.run.plan import Cell
from testbed.run.reproduce.amplify import amplified, amplified_record, check_host, launch_amplified, stretch
from testbed.run.reproduce.reproduce import searches
from testbed.spec import Amplify, load_guest, resolve_kernel

KERNEL = resolve_kernel(ROOT, "ptreclaim-6.12")
GUEST = load_guest(ROOT, "minimal")
DELAYED = Amplify(udelay={"do_madvise": 200, "exit_mmap": 5})
TCG = Accel("tcg", "asked for")


def launch(accel: str = "tcg") -> Launch:
    here = Path("/x")
    return Launch(
        accel, here / "bzImage", here / "initramfs", 1 << 30, 2, 4, here, here, cmdline=("watchdog_thresh=30",)
    )


def cell_of(amplify: Amplify, attempt: int = 1) -> Cell:
    made = replace(bug(), amplify=amplify)
    kernel, guest = amplified(ROOT, KERNEL, GUEST, amplify)
    return Cell(kernel, guest, made.scenario.at("small"), attempt, made)


def test_nothing_asked_for_changes_nothing():
    assert amplified(ROOT, KERNEL, GUEST, Amplify()) == (KERNEL, GUEST)
    assert launch_amplified(launch(), Amplify(), 1, 6.0) == launch()
    assert amplified_record(Amplify(), 1) is None
    assert stretch(Amplify(), 8) == 1.0


def test_kernel_that_waits_has_a_patch_and_options_on_top_and_keeps_its_name():
    kernel, guest = amplified(ROOT, KERNEL, GUEST, DELAYED)
    assert (kernel.name, guest) == (KERNEL.name, GUEST)
    (patch,), (fragment,) = kernel.patches, kernel.fragments[len(KERNEL.fragments) :]
    assert patch.is_file()
    assert "CONFIG_DELAY_POINTS=y" in fragment.read_text()
    assert amplified(ROOT, kernel, guest, DELAYED) == (kernel, guest), "twice is the same as once"


def test_patches_of_the_bugs_own_come_before_the_waits(tmp_path):
    own = tmp_path / "own.patch"
    kernel, _ = amplified(ROOT, replace(KERNEL, patches=(own,)), GUEST, DELAYED)
    assert kernel.patches[0] == own


def test_kernel_that_waits_is_another_build(tmp_path):
    kernel, _ = amplified(ROOT, KERNEL, GUEST, DELAYED)
    keys = {make_recipe(ROOT, each, lambda *_: None).key for each in (KERNEL, kernel)}
    assert len(keys) == 2


def test_guest_gets_the_vcpus_and_the_rest_stays():
    kernel, guest = amplified(ROOT, KERNEL, GUEST, Amplify(vcpus=4))
    assert (kernel, guest) == (KERNEL, replace(GUEST, vcpus=4))


def test_more_vcpus_than_the_kernel_can_have_are_refused_before_anything_starts():
    with pytest.raises(SpecError, match=r"^bug.yaml:1: vcpus: 9: vanilla-6.12 can have 8 \(CONFIG_NR_CPUS\)$"):
        searches(ROOT, "bugs/leak", replace(bug(), amplify=Amplify(vcpus=9)))


def test_a_later_fragment_decides_how_many_cpus_a_kernel_can_have(tmp_path):
    more = tmp_path / "more.config"
    more.write_text("CONFIG_NR_CPUS=64\n")
    kernel = replace(KERNEL, fragments=(*KERNEL.fragments, more))
    assert amplified(ROOT, kernel, GUEST, Amplify(vcpus=64))[1].vcpus == 64


def test_host_with_fewer_cpus_says_how_many_it_has():
    have = len(os.sched_getaffinity(0))
    check_host(Amplify(host_cpus=have), "tcg")
    with pytest.raises(HostError, match=f"host_cpus: {have + 1}: this host gives us {have}; ask for {have} at most"):
        check_host(Amplify(host_cpus=have + 1), "tcg")


def test_instructions_are_counted_by_tcg_alone():
    with pytest.raises(HostError, match="TCG alone counts instructions, not kvm; use --accel tcg"):
        launch_amplified(launch("kvm"), Amplify(icount=(0,)), 1, 1.0)


def test_attempts_take_the_shifts_in_turn():
    amplify = Amplify(icount=(0, 3, 1))
    shifts = [launch_amplified(launch(), amplify, attempt, 6.0).icount for attempt in (1, 2, 3, 4)]
    assert shifts == [Icount(0), Icount(3), Icount(1), Icount(0)]
    assert [amplified_record(amplify, attempt)["shift"] for attempt in (1, 2, 3, 4)] == [0, 3, 1, 0]


def test_watchdogs_of_a_guest_whose_instructions_take_longer_are_more_patient():
    made = launch_amplified(launch(), Amplify(icount=(3,)), 1, 1.0)
    assert made.cmdline[0] == "watchdog_thresh=30"
    assert "watchdog_thresh=40" in made.cmdline, "the kernel takes the last"
    assert "-icount shift=3,sleep=on" in " ".join(qemu_argv(made))


def test_launch_of_a_bugs_attempt_has_it_all(tmp_path):
    amplify = Amplify(vcpus=2, host_cpus=1, udelay={"do_madvise": 200}, icount=(2,))
    cell = cell_of(amplify)
    made = launch_for(cell, TCG, tmp_path / "bzImage", tmp_path / "initramfs", tmp_path, tmp_path)
    assert (made.vcpus, made.host_cpus, made.icount) == (2, 1, Icount(2))
    assert "delay_points=do_madvise:200" in made.cmdline
    assert amplified_record(amplify, 1) == {
        "vcpus": 2,
        "host_cpus": 1,
        "udelay": {"do_madvise": 200},
        "icount": (2,),
        "shift": 2,
    }


def test_vcpus_that_share_the_hosts_cpus_have_as_much_more_time(tmp_path):
    plain = slowdown(TCG, KERNEL.name)
    for amplify, factor in (
        (Amplify(vcpus=4, host_cpus=1), 4),
        (Amplify(vcpus=4, icount=(0,)), 4),
        (Amplify(vcpus=1, host_cpus=2), 1),
        (Amplify(vcpus=4), 1),
    ):
        job = Job(cell_of(amplify), None, None, TCG, "run", tmp_path)
        assert job.slowdown == plain * factor


CONSOLE = """\
<4>[    0.412] delay_points: do_madvise: set, 200 us
<3>[    0.413] delay_points: zap_pte_range: not set: no such function, or it is inlined everywhere (-2)
"""


def test_points_that_the_kernel_has_set_are_fine():
    check_points(["quiet", points_parameter({"do_madvise": 200})], CONSOLE)
    check_points(["quiet"], "")


def test_point_that_could_not_be_set_is_an_error_that_says_why():
    with pytest.raises(MeasureError) as raised:
        check_points([points_parameter({"do_madvise": 200, "zap_pte_range": 5})], CONSOLE)
    why = "no such function, or it is inlined everywhere (-2)"
    assert str(raised.value) == f"delay point zap_pte_range could not be set: {why}"


def test_kernel_that_says_nothing_of_a_point_has_not_set_it():
    with pytest.raises(MeasureError, match=r"exit_mmap could not be set: .* it needs CONFIG_DELAY_POINTS"):
        check_points([points_parameter({"exit_mmap": 5})], CONSOLE)
