# SPDX-License-Identifier: GPL-2.0-only
"""Scenarios: scales, overrides, patterns, and where a file may stand."""

import pickle
from pathlib import Path

import pytest
from spec_checkout import SCENARIO, Checkout

from testbed.errors import SpecError
from testbed.spec import BoundScenario, list_scenarios, load_scenario


def bound(checkout: Checkout, scale: str = "small", /, **overrides: int | str) -> BoundScenario:
    return load_scenario(checkout.root, "benign/loop").at(scale, overrides)


def test_a_parameter_with_two_scales_takes_the_one_that_is_asked_for(checkout: Checkout) -> None:
    assert bound(checkout, "small").params["span"] == 512 << 20
    assert bound(checkout, "full").params["span"] == 50 << 30
    assert bound(checkout, "small").params["step"] == bound(checkout, "full").params["step"] == 2 << 20


def test_arguments_keep_the_order_of_the_file_and_sizes_are_bytes(checkout: Checkout) -> None:
    assert bound(checkout).argv == ("--span=536870912", "--step=2097152", "--rounds=3", "--mode=random")
    assert bound(checkout, mode="x", step="4KiB").argv == ("--span=536870912", "--step=4096", "--rounds=3", "--mode=x")


def test_deadline_and_memory_have_scales_too(checkout: Checkout) -> None:
    assert bound(checkout, "small").memory_bytes is None
    checkout.change("scenarios/benign/loop.yaml", "guest: minimal", "guest: minimal\nmemory: {small: 1GiB, full: 4GiB}")
    small, full = bound(checkout, "small"), bound(checkout, "full")
    assert (small.deadline_s, full.deadline_s) == (60.0, 600.0)
    assert (small.memory_bytes, full.memory_bytes) == (1 << 30, 4 << 30)


def test_numbers_in_env_are_text_for_the_workload(checkout: Checkout) -> None:
    assert bound(checkout).env == {"MALLOC_ARENA_MAX": "1"}


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        ({}, "benign/loop"),
        ({"step": "4KiB"}, "benign/loop:step=4KiB"),
        ({"step": 4096}, "benign/loop:step=4KiB"),
        ({"step": "4096"}, "benign/loop:step=4KiB"),
        ({"mode": "seq", "rounds": "7"}, "benign/loop:rounds=7,mode=seq"),
    ],
)
def test_the_label_names_what_was_overridden_the_same_however_it_was_written(
    checkout: Checkout, overrides: dict[str, int | str], label: str
) -> None:
    assert bound(checkout, **overrides).label == label


@pytest.mark.parametrize(
    ("overrides", "params"),
    [
        ({"rounds": "-7"}, {"rounds": -7}),
        ({"rounds": "64KiB"}, {"rounds": 65536}),
        ({"mode": 4}, {"mode": "4"}),
        ({"mode": "4KiB"}, {"mode": "4KiB"}),
        ({"span": "1GiB"}, {"span": 1 << 30}),
    ],
)
def test_an_override_is_read_as_the_kind_of_its_parameter(
    checkout: Checkout, overrides: dict[str, int | str], params: dict[str, int | str]
) -> None:
    assert params.items() <= bound(checkout, **overrides).params.items()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"stepp": "4KiB"}, "unknown parameter 'stepp'; did you mean 'step'? known: mode, rounds, span, step"),
        ({"step": "4KB"}, "parameter step: '4KB' is not a size; sizes are written as 4KiB"),
        ({"step": "-1"}, "parameter step: -1 is not a size"),
        ({"rounds": "many"}, "parameter rounds: 'many' is no whole number; write one like 4"),
        ({"rounds": "64KB"}, "parameter rounds: '64KB' is not a size; sizes are written as 64KiB"),
        ({"mode": "a\nb"}, "parameter mode: 'a\\nb' holds a control character"),
    ],
)
def test_a_wrong_override_is_refused(checkout: Checkout, overrides: dict[str, int | str], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        bound(checkout, **overrides)
    assert str(caught.value).startswith(f"scenario benign/loop: {message}")


def test_an_unknown_scale_is_refused(checkout: Checkout) -> None:
    with pytest.raises(SpecError, match=r"^scenario benign/loop: unknown scale 'smal'; did you mean 'small'\?"):
        bound(checkout, "smal")


def test_a_whole_number_beside_a_size_is_bytes(checkout: Checkout) -> None:
    checkout.change("scenarios/benign/loop.yaml", "step: 2MiB", "step: {small: 4096, full: 2MiB}")
    assert bound(checkout).params["step"] == 4096
    assert bound(checkout, step="1MiB").label == "benign/loop:step=1MiB"


def test_the_lists_of_all_patterns_that_match_a_kernel_are_put_together(checkout: Checkout) -> None:
    scenario = bound(checkout)
    assert [e.text for e in scenario.expectations_for("ptreclaim-6.12")] == [
        "after.left_over.pte <= 16",
        "exit.status == 0",
    ]
    assert [e.text for e in scenario.expectations_for("mainline-7.3")] == ["exit.status == 0"]
    assert [e.where for e in scenario.expectations_for("vanilla-6.12+debug")] == [
        "scenarios/benign/loop.yaml:15",
        "scenarios/benign/loop.yaml:19",
    ]


def test_a_pattern_with_a_flavour_is_about_kernels_of_that_flavour_alone(checkout: Checkout) -> None:
    entry = '  "ptreclaim-*":\n    - after'
    checkout.change("scenarios/benign/loop.yaml", entry, entry.replace("*", "*+atomic*"))
    scenario = bound(checkout)
    assert [e.text for e in scenario.expectations_for("ptreclaim-6.12+debug")] == ["exit.status == 0"]
    of_flavour = [e.text for e in scenario.expectations_for("ptreclaim-6.12+atomic+debug")]
    assert of_flavour == ["after.left_over.pte <= 16", "exit.status == 0"]


def test_a_known_gap_is_the_kernels_own_and_says_why(checkout: Checkout) -> None:
    gap = bound(checkout).gap_for("ptreclaim-6.12")
    assert gap is not None
    assert ([e.text for e in gap.expectations], gap.reason) == (["after.left_over_kb == 0"], "zeropage tables")
    assert gap.where == "scenarios/benign/loop.yaml:21"
    assert bound(checkout).gap_for("vanilla-6.12") is None


def test_gaps_of_several_patterns_become_one(checkout: Checkout) -> None:
    more = "known_gap:\n  '*':\n    expect: [after.tables.pmd <= 1, after.tables.pud <= 1]\n    reason: higher levels"
    checkout.change("scenarios/benign/loop.yaml", "known_gap:", more)
    gap = bound(checkout).gap_for("ptreclaim-6.12")
    assert gap is not None
    assert (len(gap.expectations), gap.reason) == (3, "higher levels; zeropage tables")


def test_a_pattern_for_a_kernel_of_another_list_is_let_through(checkout: Checkout) -> None:
    checkout.change("scenarios/benign/loop.yaml", '"vanilla-*"', '"mainline-7.3"')
    assert bound(checkout).expectations_for("mainline-7.3")[0].other == "peak.vmpte_kb"


def test_phases_and_env_and_expectations_can_be_left_out(checkout: Checkout) -> None:
    text = "source: a mail\nguest: minimal\nworkload: loop\ndeadline: 1s\n"
    checkout.write("scenarios/stress/deep/bare.yaml", text)
    bare = load_scenario(checkout.root, "stress/deep/bare").at("small")
    assert (bare.kind, bare.phases, bare.argv, bare.env) == ("stress", ("start", "peak", "after"), (), {})
    assert (bare.expectations_for("vanilla-6.12"), bare.gap_for("vanilla-6.12"), bare.may_die) == ((), None, False)
    assert list_scenarios(checkout.root) == ("benign/loop", "stress/deep/bare")


def test_a_file_in_the_checkout_has_the_same_name_by_path(checkout: Checkout) -> None:
    path = checkout.root / "scenarios/benign/loop.yaml"
    for written in (path, str(path)):
        assert load_scenario(checkout.root, written) == load_scenario(checkout.root, "benign/loop")


def test_a_relative_path_counts_from_where_the_person_stands(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout.root / "scenarios")
    assert load_scenario(Path(".."), "benign/loop.yaml").name == "benign/loop"


def test_a_file_outside_of_scenarios_must_say_its_kind(checkout: Checkout, tmp_path: Path) -> None:
    outside = tmp_path / "mine.yaml"
    outside.write_text(SCENARIO)
    with pytest.raises(SpecError) as caught:
        load_scenario(checkout.root, outside)
    assert str(caught.value).startswith(f"{outside}:1: missing key 'kind': outside of scenarios/ it says which of")
    outside.write_text(SCENARIO + "kind: malicious\n")
    scenario = load_scenario(checkout.root, outside)
    assert (scenario.name, scenario.kind) == ("malicious/mine", "malicious")


def test_a_file_below_another_folder_of_scenarios_is_no_scenario(checkout: Checkout) -> None:
    file = checkout.write("scenarios/suites/mine.yaml", SCENARIO)
    with pytest.raises(SpecError, match=r"^scenarios/suites/mine\.yaml:1: 'suites' is no folder of scenarios"):
        load_scenario(checkout.root, file)


def test_a_file_whose_name_could_not_name_a_cell_is_refused(checkout: Checkout) -> None:
    file = checkout.write("scenarios/benign/my loop.yaml", SCENARIO)
    with pytest.raises(SpecError, match=r"'my loop' is no name; .*; rename the file$"):
        load_scenario(checkout.root, file)


@pytest.mark.parametrize("name", ["../benign/loop", "benign/../../x", "/etc/passwd"])
def test_a_name_that_leaves_the_scenarios_folder_is_refused(checkout: Checkout, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_scenario(checkout.root, name)
    said = f"scenario {name!r} leaves the scenarios folder; names are like benign/dontneed-loop"
    assert str(caught.value) == said


@pytest.mark.parametrize("name", ["benign/lop", "loop", "benigm/loop"])
def test_a_misspelt_name_is_told_with_a_near_one(checkout: Checkout, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_scenario(checkout.root, name)
    assert str(caught.value) == f"unknown scenario {name!r}; did you mean 'benign/loop'? known: benign/loop"


def test_scenarios_can_travel_to_another_process(checkout: Checkout) -> None:
    spec = load_scenario(checkout.root, "benign/loop")
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert pickle.loads(pickle.dumps(spec.at("small"))) == spec.at("small")
