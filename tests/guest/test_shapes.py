# SPDX-License-Identifier: GPL-2.0-only
"""The generator of page tables in real guests: its books are proved by the guest, and the census agrees with them."""

from pathlib import Path

import pytest
from conftest import tb
from oracle import quarrels

KERNELS = ["vanilla-6.12", "ptreclaim-6.12"]
SEEDS = [1, 2, 3]
NIGHT_SEEDS = 200
NIGHT_KERNELS = [*KERNELS, "mainline-7.3"]
AT_ONCE = 50
PAGE_KB = 4
#: Whatever is in the books of one seed or another.
KINDS = [
    *(f"expect_pte_{kind}" for kind in ("empty", "zero", "file", "needed")),
    *(f"expect_{level}_{kind}" for level in ("pmd", "pud") for kind in ("empty", "file", "needed")),
    "expect_pmd_shared",
    *(f"expect_deposit_{kind}" for kind in ("zero", "zero_held", "thp")),
    *(
        f"expect_entries_{kind}"
        for kind in ("anon", "file_clean", "file_dirty", "shmem", "zero", "zero_ksm", "marker", "swap", "device")
    ),
    *(f"expect_huge_{kind}" for kind in ("anon", "shmem", "zero", "zero_held", "hugetlb")),
]


def run(folder, guest, seeds, kernels=KERNELS):
    matrix = folder / "shapes.yaml"
    cells = "".join(f"  - stress/shapes: {{seed: {seed}}}\n" for seed in seeds)
    matrix.write_text(f"kernels: [{', '.join(kernels)}]\nscenarios:\n{cells}")
    done = tb("run", matrix, "--guest", guest, "--json", "--out", folder / "runs")
    assert done.code == 0, done.stderr
    for record in done.records:
        record["folder"] = folder / "runs" / record["run"] / "cells" / record["cell"].replace("/", "~")
    return done.records


def disputed(records) -> dict[str, dict]:
    """Where census and books differ, by cell."""
    found = {record["cell"]: quarrels(record, Path(record["folder"]) / "census-peak.npz") for record in records}
    return {cell: numbers for cell, numbers in found.items() if numbers}


@pytest.fixture(scope="module")
def four_levels(tmp_path_factory):
    return run(tmp_path_factory.mktemp("shapes"), "minimal", SEEDS)


@pytest.fixture(scope="module")
def five_levels(tmp_path_factory):
    return run(tmp_path_factory.mktemp("shapes57"), "minimal-la57", SEEDS[:1])


@pytest.fixture(scope="module")
def records(four_levels, five_levels):
    return four_levels + five_levels


def tables(values, level):
    return sum(number for key, number in values.items() if key.startswith(f"expect_{level}_") and "shared" not in key)


def test_books_are_proved_on_every_kernel(records):
    assert len(records) == len(KERNELS) * (len(SEEDS) + 1)
    for record in records:
        assert (record["verdict"], record["values"]["proved"]) == ("pass", 1), record["cell"]


def test_every_kind_of_table_and_entry_occurs(four_levels):
    for kernel in KERNELS:
        values = [record["values"] for record in four_levels if record["kernel"]["name"] == kernel]
        assert [kind for kind in KINDS if not any(seed[kind] for seed in values)] == [], kernel


def test_guest_itself_counts_as_many_tables_as_the_books(records):
    for record in records:
        grown = record["phases"]["peak"]["vmpte_kb"] - record["phases"]["start"]["vmpte_kb"]
        assert grown == record["values"]["expect_vmpte_kb"], record["cell"]


def test_tables_and_deposits_add_up(records):
    for record in records:
        values = record["values"]
        levels = tables(values, "pte") + tables(values, "pmd") + tables(values, "pud")
        assert (levels + tables(values, "deposit")) * PAGE_KB == values["expect_vmpte_kb"], record["cell"]
        assert values["expect_deposit_thp"] == values["expect_huge_anon"]
        assert values["expect_deposit_zero"] == values["expect_huge_zero"]
        assert values["expect_deposit_zero_held"] == values["expect_huge_zero_held"]


def test_fifth_level_has_tables_of_its_own(four_levels, five_levels):
    assert {tables(record["values"], "p4d") for record in four_levels} == {0}
    assert all(1 <= tables(record["values"], "p4d") <= 3 for record in five_levels)


def test_nothing_is_left_once_all_is_unmapped(records):
    for record in records:
        assert record["phases"]["after"]["vmpte_kb"] == record["phases"]["start"]["vmpte_kb"], record["cell"]


def test_emptied_tables_stay_as_the_generator_switches_off_who_would_free_them(records):
    for record in records:
        values = record["values"]
        assert (values["frees_whole"], values["frees_pieces"]) == (0, 0), record["cell"]


def test_census_equals_the_books_class_by_class_and_kind_by_kind(records):
    assert disputed(records) == {}
    assert all(phase["agree"] for record in records for phase in record["phases"].values())


@pytest.mark.night
@pytest.mark.parametrize("guest", ["minimal", "minimal-la57"])
@pytest.mark.parametrize("kernel", NIGHT_KERNELS)
@pytest.mark.parametrize("first", range(1, NIGHT_SEEDS, AT_ONCE))
def test_census_equals_the_books_of_two_hundred_seeds(tmp_path, kernel, guest, first):
    records = run(tmp_path, guest, range(first, first + AT_ONCE), [kernel])
    assert len(records) == AT_ONCE
    assert disputed(records) == {}
