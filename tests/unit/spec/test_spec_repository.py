# SPDX-License-Identifier: GPL-2.0-only
"""The repository's own specs are good: whatever ships can be loaded, at both scales."""

from pathlib import Path

from testbed.spec import (
    list_bugs,
    list_guests,
    list_matrices,
    list_scenarios,
    list_suites,
    load_bug,
    load_guest,
    load_kernels,
    load_matrix,
    load_scenario,
    load_suite,
)

ROOT = Path(__file__).parents[3]


def test_every_kernel_of_the_repository_has_its_config_fragments() -> None:
    for spec in load_kernels(ROOT).values():
        assert all(path.is_file() for path in spec.fragments), spec.where


def test_every_guest_of_the_repository_loads() -> None:
    assert {load_guest(ROOT, name).levels for name in list_guests(ROOT)} <= {4, 5}


def test_every_scenario_of_the_repository_loads_at_both_scales() -> None:
    for name in list_scenarios(ROOT):
        for scale in ("small", "full"):
            assert load_scenario(ROOT, name).at(scale).label == name


def test_every_matrix_of_the_repository_names_what_exists() -> None:
    for name in list_matrices(ROOT):
        assert load_matrix(ROOT, name).name == name


def test_every_suite_of_the_repository_names_what_exists() -> None:
    for name in list_suites(ROOT):
        suite = load_suite(ROOT, name)
        assert suite.name == name
        for tests in suite.tests.values():
            assert len({test.label for test in tests}) == len(tests)


def test_every_bug_of_the_repository_loads_and_expects_something_of_each_of_its_kernels() -> None:
    for name in list_bugs(ROOT):
        bug = load_bug(ROOT, name)
        assert bug.scenario.at(bug.scale).label == name
        assert all(bug.outcome_for(kernel.name) for kernel in bug.kernels), bug.where
