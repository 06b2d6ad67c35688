# SPDX-License-Identifier: GPL-2.0-only
"""What stands in a line between two kernels or two guests, and how each of it is made."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from lucky import SUBJECT
from made_bugs import ROOT

from testbed.build.config import read_fragments
from testbed.build.recipe import brought_options
from testbed.errors import SpecError
from testbed.run.bisect.asked import Over
from testbed.run.bisect.options import option_ground
from testbed.run.bisect.patches import patch_ground, title_of
from testbed.run.bisect.shapes import shape_ground
from testbed.spec import KernelSpec, load_guest, resolve_kernel

GIT_PATCH = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: A Developer <dev@example.org>
Subject: [PATCH v2 3/12] mm: give the rest of the tables
 back as well

Subject: not this one
---
"""


def line(ground):
    return [ground.candidate(each) for each in ground.strategy.line]


def asked(kernel: KernelSpec) -> dict[str, str]:
    left_out = {absent.option for absent in kernel.absent}
    return {each.option: each.value for each in read_fragments(kernel.fragments) if each.option not in left_out}


@pytest.fixture
def fragment(tmp_path):
    def write(name: str, *lines: str) -> Path:
        path = tmp_path / f"{name}.config"
        path.write_text("".join(f"{each}\n" for each in lines))
        return path

    return write


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path / "cache"))


def test_patches_of_a_series_come_one_by_one_on_the_source():
    kernel = resolve_kernel(ROOT, "ptreclaim-6.12+debug")
    made = line(patch_ground(ROOT, replace(SUBJECT, kernel=kernel)))
    assert made[0].name == "the source alone"
    assert [len(each.subject.kernel.patches) for each in made] == list(range(len(made)))
    assert made[3].subject.kernel.name == "ptreclaim-6.12+debug~03"
    assert made[3].name.startswith(made[3].subject.kernel.patches[-1].name)
    assert all(each.subject.kernel.series is None for each in made)


def test_option_is_asked_for_from_the_patch_on_that_brings_it():
    kernel = resolve_kernel(ROOT, "ptreclaim-6.12")
    made = [each.subject.kernel for each in line(patch_ground(ROOT, replace(SUBJECT, kernel=kernel)))]
    has = ["CONFIG_PGTABLE_RECLAIM" in asked(each) for each in made]
    assert has[0] is False
    assert has[-1] is True
    first = has.index(True)
    assert all(has[first:])
    assert "CONFIG_PGTABLE_RECLAIM" in brought_options(made[first].patches[-1:])
    assert asked(made[-1]) == asked(kernel)


def test_patches_and_fragments_of_the_bug_file_come_last(fragment, tmp_path):
    own = tmp_path / "own.patch"
    own.write_text("SPDX-License-Identifier: GPL-2.0-only\nPlanted: a leak\n---\n")
    base = resolve_kernel(ROOT, "ptreclaim-6.12")
    extra = fragment("extra", "CONFIG_KSM=y")
    kernel = replace(base, name="ptreclaim-6.12~bug", patches=(own,), fragments=(*base.fragments, extra))
    made = line(patch_ground(ROOT, replace(SUBJECT, kernel=kernel)))
    assert [each.name for each in made[-2:]] == ["own.patch (Planted: a leak)", "extra.config"]
    without, with_patch, whole = (each.subject.kernel for each in made[-3:])
    assert own not in without.patches
    assert with_patch.patches[-1] == own
    assert extra not in with_patch.fragments
    assert whole.fragments == kernel.fragments
    assert whole.name == "ptreclaim-6.12~bug~" + made[-1].id


def test_kernel_without_patches_has_nothing_to_search():
    with pytest.raises(SpecError, match=r"^kernel vanilla-6.12 has no patches to search; name one"):
        patch_ground(ROOT, SUBJECT)


def test_title_of_a_patch_is_that_of_its_mail_or_its_first_line(tmp_path):
    patch = tmp_path / "0003-x.patch"
    patch.write_text(GIT_PATCH)
    assert title_of(patch) == "mm: give the rest of the tables back as well"
    patch.write_text("--- a/x\n+++ b/x\n")
    assert title_of(patch) == "--- a/x"


def test_option_that_a_patch_moves_is_not_brought_by_it(tmp_path):
    patch = tmp_path / "x.patch"
    patch.write_text("-config MOVED\n+config MOVED\n+config NEW\n+menuconfig MENU\n")
    assert brought_options([patch]) == {"CONFIG_NEW", "CONFIG_MENU"}


def test_options_stand_in_the_order_of_the_files_with_the_ends_of_files_first(fragment, cache):
    base = fragment("base", "CONFIG_A=y", "CONFIG_B=y", "CONFIG_C=y")
    good = replace(SUBJECT.kernel, name="good", fragments=(base, fragment("old", "CONFIG_OLD=y", "CONFIG_C=m")))
    first = fragment("first", "CONFIG_Z=y", "CONFIG_A=m", "# CONFIG_B is not set")
    bad = replace(SUBJECT.kernel, name="bad", fragments=(base, first, fragment("second", "CONFIG_D=8")))
    ground = option_ground(SUBJECT, good, bad)
    made = line(ground)
    assert [each.name for each in made] == [
        "as good",
        "base.config: CONFIG_C=y",
        "first.config: CONFIG_Z=y",
        "first.config: CONFIG_A=m",
        "first.config: CONFIG_B=n",
        "second.config: CONFIG_D=8",
        "old.config: CONFIG_OLD no more asked for",
    ]
    assert [made[int(each)].name.partition(":")[0] for each in ground.strategy.milestones] == [
        "base.config",
        "first.config",
        "second.config",
        "old.config",
    ]
    assert asked(made[0].subject.kernel) == asked(good)
    assert asked(made[3].subject.kernel) == {**asked(good), "CONFIG_C": "y", "CONFIG_Z": "y", "CONFIG_A": "m"}
    assert asked(made[-1].subject.kernel) == asked(bad)
    assert made[3].subject.kernel.name == "bad~003"


def test_kernels_that_differ_in_more_or_in_no_option_are_refused():
    plain, ours, debug = (resolve_kernel(ROOT, name) for name in ("vanilla-6.12", "ptreclaim-6.12", "vanilla-6.12"))
    with pytest.raises(SpecError, match="their series differ, and not their options alone"):
        option_ground(SUBJECT, plain, ours)
    with pytest.raises(SpecError, match="ask for the same options"):
        option_ground(SUBJECT, plain, debug)


def test_debug_flavour_keeps_its_name_so_that_it_is_waited_for(cache):
    plain, debug = (resolve_kernel(ROOT, name) for name in ("vanilla-6.12", "vanilla-6.12+debug"))
    made = line(option_ground(SUBJECT, plain, debug))
    assert made[0].subject.kernel.name == "vanilla-6.12~000"
    assert {each.subject.kernel.name.partition("~")[0] for each in made[1:]} == {"vanilla-6.12+debug"}


def test_shapes_differ_in_one_thing_at_a_time():
    small = load_guest(ROOT, "minimal")
    large = replace(small, name="large", vcpus=4, memory_bytes=3 << 30, levels=5, packages=("libjemalloc2",))
    made = line(shape_ground(SUBJECT, small, large))
    assert [each.name for each in made] == [
        "as minimal",
        "2 vCPUs",
        "4 vCPUs",
        "2GiB of memory",
        "3GiB of memory",
        "5 levels of page tables",
        "the packages or selftests of large",
    ]
    guests = [each.subject.guest for each in made]
    assert [guest.name for guest in guests] == [f"large~{number:02d}" for number in range(7)]
    assert replace(guests[0], name="minimal") == small
    assert replace(guests[-1], name="large") == large
    for before, after in pairwise(guests):
        fields = ("vcpus", "memory_bytes", "levels", "packages")
        assert sum(getattr(before, field) != getattr(after, field) for field in fields) == 1


def test_shape_may_shrink_towards_the_bad_one():
    large = load_guest(ROOT, "minimal")
    small = replace(large, name="small", memory_bytes=96 << 20)
    made = line(shape_ground(SUBJECT, large, small))
    assert [each.name for each in made[1:]] == [
        "512MiB of memory",
        "256MiB of memory",
        "128MiB of memory",
        "96MiB of memory",
    ]


def test_memory_that_the_workload_sets_is_no_difference_of_guests():
    small = load_guest(ROOT, "minimal")
    large = replace(small, name="large", memory_bytes=4 << 30)
    fixed = replace(SUBJECT, scenario=replace(SUBJECT.scenario, memory_bytes=512 << 20))
    with pytest.raises(
        SpecError, match=r"guests minimal and large do not differ .*; its workload sets the memory itself"
    ):
        shape_ground(fixed, small, large)


@pytest.mark.parametrize(
    "given, told",
    [
        ({"series": "a", "git": "b", "good": "c", "bad": "d"}, "--series and --git: a bisection is over one thing"),
        ({"git": "b", "good": "c"}, "--git: name the ends, by --good REV and --bad REV"),
        ({"good": "c", "bad": "d"}, "--good, --bad: these are revisions of a tree"),
        ({"kernel": "k"}, "--kernel: serves --git and --guest alone"),
    ],
)
def test_what_does_not_go_together_is_refused(given, told):
    with pytest.raises(SpecError, match=told):
        Over(**given)


def test_what_was_asked_comes_back_from_the_log():
    over = Over(guest=("minimal", "minimal-smp4"), kernel="vanilla-6.12")
    assert Over.read(over.stored(), "x") == over
    assert Over.read({**over.stored(), "guest": ["minimal", "minimal-smp4"]}, "x") == over
    with pytest.raises(SpecError, match=r"^x: not what this version bisects"):
        Over.read({"series": None}, "x")
