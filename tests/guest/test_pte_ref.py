# SPDX-License-Identifier: GPL-2.0-only
"""The counted tables: what either counter gives back, and the races under the kernel's checkers."""

import pytest
from conftest import tb

COUNTERS = ("pte_ref-6.12", "pte_ref-6.12+atomic", "pte_ref-6.12+switch-back")
RACES = ("stress/race-fault", "stress/race-empty", "stress/race-collapse")
GIVEN_BACK = ("benign/dontneed-loop", "benign/dontneed-pieces", "benign/jemalloc-churn", "benign/server-55t")
KEPT = ("malicious/zeropage-flood", "malicious/huge-zero-flood", "malicious/secret-store", "malicious/pte-flood")
WAYS = ("pageout", "mremap", "dontunmap", "truncate", "swap-free")
pytestmark = [pytest.mark.night, pytest.mark.timeout(7200)]


def run(out, kernels, *words):
    named = [word for kernel in kernels for word in ("--kernel", kernel)]
    return tb("run", *words, *named, "--json", "--out", out)


def test_either_counter_gives_back_what_madvise_emptied_and_keeps_zeropages(tmp_path):
    done = run(tmp_path, COUNTERS, *GIVEN_BACK, *KEPT)
    assert done.code == 0, done.stderr
    assert [record["verdict"] for record in done.records] == ["pass"] * len(COUNTERS) * len(GIVEN_BACK + KEPT)


def test_pages_of_madv_free_go_later_so_a_count_that_is_switched_back_does_not_see_it(tmp_path):
    done = run(tmp_path, COUNTERS, "benign/madv-free-pressure")
    assert done.code == 0, done.stderr
    left = {record["kernel"]["name"]: record["phases"]["pressed"]["left_over"]["pte"] for record in done.records}
    assert (left["pte_ref-6.12"], left["pte_ref-6.12+atomic"]) == (0, 0)
    assert left["pte_ref-6.12+switch-back"] > 100


@pytest.mark.parametrize("way", WAYS)
def test_the_atomic_counter_finds_tables_however_they_became_empty(tmp_path, way):
    done = run(tmp_path, COUNTERS[:2], "benign/emptied", "--set", f"way={way}")
    assert done.code == 0, done.stderr
    left = {record["kernel"]["name"]: record["phases"]["after"]["left_over"]["pte"] for record in done.records}
    assert left["pte_ref-6.12+atomic"] <= 16
    # the other one is looked at when madvise() has been there, and only swap-free does that
    assert (left["pte_ref-6.12"] > 1000) is (way != "swap-free")


def test_memory_for_the_counters_of_each_table_is_what_the_document_says(tmp_path):
    done = run(tmp_path, ["vanilla-6.12", *COUNTERS[:2]], "malicious/zeropage-flood", "--guest", "minimal-smp4")
    assert done.code == 0, done.stderr
    found = {}
    for record in done.records:
        start, peak = record["phases"]["start"], record["phases"]["peak"]
        tables = peak["nr_page_table_pages"] - start["nr_page_table_pages"]
        grown = (1024 * (peak[kind] - start[kind]) / tables for kind in ("slab_kb", "percpu_kb"))
        found[record["kernel"]["name"]] = tuple(grown)
    assert found["vanilla-6.12"] == pytest.approx((0, 0), abs=12)
    assert found["pte_ref-6.12+atomic"] == pytest.approx((0, 0), abs=12)
    assert found["pte_ref-6.12"] == pytest.approx((182, 8 * 4), abs=12)


@pytest.mark.parametrize("flavour", ["", "+atomic", "+switch-back"])
def test_no_race_leaves_a_wrong_byte_or_a_complaint_of_the_kernel(tmp_path, flavour):
    done = run(tmp_path, [f"pte_ref-6.12{flavour}+debug"], *RACES)
    assert done.code == 0, done.stderr
    assert [record["verdict"] for record in done.records] == ["pass"] * len(RACES)
