# SPDX-License-Identifier: GPL-2.0-only
"""What a good bug file means."""

from dataclasses import replace
from pathlib import Path

import pytest
from spec_checkout import BUG, Checkout

from testbed.errors import SpecError
from testbed.judge.signature import SIGNATURES
from testbed.spec import (
    CrashSign,
    GitSource,
    Outcome,
    Script,
    is_bug,
    list_bugs,
    list_scenarios,
    load_bug,
    load_either,
    load_guest,
    load_matrix,
    load_scenario,
    resolve_kernel,
)
from testbed.spec.bugsign import CRASH_KINDS


def test_a_bug_that_runs_a_scenario_has_all_of_it_but_what_the_file_overrides(checkout: Checkout) -> None:
    bug = load_bug(checkout.root, "bugs/lost")
    base = load_scenario(checkout.root, "benign/loop").at("small")
    ran = bug.scenario.at(bug.scale)
    assert ran == replace(
        base,
        name="bugs/lost",
        label="bugs/lost",
        kind="bug",
        argv=("--span=536870912", "--step=4096", "--rounds=3", "--mode=random"),
        params={**base.params, "step": 4096},
        memory_bytes=2 << 30,
        expect={},
        known_gap={},
        where="scenarios/bugs/lost.yaml:1",
    )
    assert bug.guest(checkout.root) == load_guest(checkout.root, "minimal")


def test_signs_are_alternatives_of_which_metrics_hold_together(checkout: Checkout) -> None:
    metrics, crash, said = load_bug(checkout.root, "bugs/lost").signs
    assert [each.text for each in metrics.metrics] == ["after.left_over.pte > 1000", "exit.status == 0"]
    assert metrics.metrics[0].where == "scenarios/bugs/lost.yaml:8"
    assert (metrics.crash, metrics.said) == (None, None)
    assert crash.crash == CrashSign("kasan", "use-after-free in zap", None)
    assert (said.metrics, said.crash, said.said) == ((), None, "contents lost")


def test_one_metric_needs_no_list(checkout: Checkout) -> None:
    checkout.change("scenarios/bugs/lost.yaml", "[after.left_over.pte > 1000, exit.status == 0]", "exit.oom_kill >= 1")
    assert [each.text for each in load_bug(checkout.root, "bugs/lost").signs[0].metrics] == ["exit.oom_kill >= 1"]


def test_kernels_are_those_with_a_name_in_the_order_of_the_file(checkout: Checkout) -> None:
    bug = load_bug(checkout.root, "bugs/lost")
    assert [kernel.name for kernel in bug.kernels] == ["vanilla-6.12", "ptreclaim-6.12+debug"]
    assert bug.outcome_for("vanilla-6.12") == Outcome("reproduced")
    assert bug.outcome_for("ptreclaim-6.12+debug") == Outcome("gone")
    assert bug.outcome_for("ptreclaim-6.12+kcsan") == Outcome("reproduced", "upper levels")
    assert bug.outcome_for("mainline-7.3") is None


def test_the_kernel_of_the_report_comes_first_and_has_the_bug_where_nothing_else_is_said(checkout: Checkout) -> None:
    checkout.change("scenarios/bugs/lost.yaml", "  vanilla-6.12: reproduced\n", "")
    bug = load_bug(checkout.root, "bugs/lost")
    assert [kernel.name for kernel in bug.kernels] == ["vanilla-6.12", "ptreclaim-6.12+debug"]
    assert bug.outcome_for("vanilla-6.12") == Outcome("reproduced")


def test_a_pattern_says_what_is_expected_of_the_kernel_of_the_report(checkout: Checkout) -> None:
    checkout.change("scenarios/bugs/lost.yaml", "  vanilla-6.12: reproduced\n", '  "vanilla-*": gone\n')
    assert load_bug(checkout.root, "bugs/lost").outcome_for("vanilla-6.12") == Outcome("gone")


def test_amplifiers_and_attempts_have_defaults(checkout: Checkout) -> None:
    bug = load_bug(checkout.root, "bugs/lost")
    assert (bug.attempts, bug.scale) == (10, "small")
    assert (bug.amplify.vcpus, bug.amplify.host_cpus) == (4, 1)
    assert (bug.amplify.udelay, bug.amplify.icount) == ({"zap_pte_range": 50}, (0, 1))
    plain = load_bug(checkout.root, "bugs/own-bug").amplify
    assert (plain.vcpus, plain.host_cpus, plain.udelay, plain.icount) == (None, None, {}, ())


def test_a_program_beside_the_file_is_the_workload_and_goes_into_the_guest(checkout: Checkout) -> None:
    bug = load_bug(checkout.root, "bugs/own-bug")
    ran = bug.scenario.at("full")
    assert (ran.workload, ran.argv) == ("own", ("--span=53687091200", "--rounds=3"))
    assert (ran.phases, ran.env, ran.deadline_s, ran.may_die) == (
        ("start", "end"),
        {"MALLOC_ARENA_MAX": "1"},
        60,
        True,
    )
    guest = bug.guest(checkout.root)
    assert guest.programs == (checkout.root / "scenarios/bugs/own.c",)
    assert replace(guest, programs=()) == load_guest(checkout.root, "minimal")


def test_a_bug_may_run_a_workload_of_the_guests_with_parameters_of_its_own(checkout: Checkout) -> None:
    checkout.change("scenarios/bugs/own-bug.yaml", "workload: own", "workload: loop")
    bug = load_bug(checkout.root, "bugs/own-bug")
    assert (bug.scenario.workload, bug.programs) == ("loop", ())


def test_lines_for_the_shell_become_a_script_that_no_workload_can_be_called_like(checkout: Checkout) -> None:
    bug = load_bug(checkout.root, "bugs/in-shell")
    assert bug.scenario.workload == "in-shell.sh"
    assert bug.scenario.phases == ("start", "peak", "after")
    assert bug.guest(checkout.root).programs == (Script("in-shell.sh", "tb-phase start\n"),)


def test_patches_and_config_make_a_kernel_of_the_bugs_own_named_after_its_base(checkout: Checkout) -> None:
    kernel = load_bug(checkout.root, "bugs/own-bug").kernels[0]
    base = resolve_kernel(checkout.root, "ptreclaim-6.12+debug")
    bugs = checkout.root / "scenarios/bugs"
    assert kernel.name == "ptreclaim-6.12+debug~own-bug"
    assert kernel.patches == (bugs / "lost.patch", bugs / "more.patch")
    assert kernel.fragments == (*base.fragments, bugs / "more.config")
    assert (kernel.source, kernel.series) == (base.source, "ptreclaim")
    assert kernel.where == "scenarios/bugs/own-bug.yaml:12"


def test_patterns_that_lack_the_sign_of_a_bugs_own_kernel_are_not_about_it(checkout: Checkout) -> None:
    checkout.change(
        "scenarios/bugs/own-bug.yaml", "  ptreclaim-6.12+debug~own-bug: reproduced", '  "ptreclaim-*": gone'
    )
    bug = load_bug(checkout.root, "bugs/own-bug")
    assert bug.outcome_for("ptreclaim-6.12+debug~own-bug") == Outcome("reproduced")
    assert bug.outcome_for("ptreclaim-6.12+debug") == Outcome("gone")


def test_a_source_of_the_bugs_own_has_its_config_and_its_paths_count_from_the_bug_file(checkout: Checkout) -> None:
    (kernel,) = load_bug(checkout.root, "bugs/in-shell").kernels
    assert kernel.name == "reported+debug~in-shell"
    assert kernel.source == GitSource(str(checkout.root / "scenarios/bugs/linux"), "0123456789" * 4)
    assert kernel.series == "ptreclaim"
    assert [path.name for path in kernel.fragments] == ["base.config", "debug.config"]
    assert [absent.option for absent in kernel.absent] == ["CONFIG_X86_5LEVEL"]


def test_bugs_of_the_checkout_are_listed_and_are_no_scenarios(checkout: Checkout) -> None:
    assert list_bugs(checkout.root) == ("bugs/in-shell", "bugs/lost", "bugs/own-bug")
    assert list_scenarios(checkout.root) == ("benign/loop",)


def test_a_bug_file_may_stand_anywhere_outside_of_scenarios(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "mail.yaml"
    file.write_text(BUG)
    assert is_bug(checkout.root, file)
    assert load_bug(checkout.root, file).name == "bugs/mail"
    assert not is_bug(checkout.root, checkout.root / "scenarios/benign/loop.yaml")


def test_a_scenario_in_a_file_is_named_from_where_the_bug_file_stands(checkout: Checkout, tmp_path: Path) -> None:
    text = (checkout.root / "scenarios/benign/loop.yaml").read_text()
    (tmp_path / "loop.yaml").write_text(f"kind: benign\n{text}")
    file = tmp_path / "mail.yaml"
    file.write_text(BUG.replace("benign/loop", "loop.yaml"))
    assert load_bug(checkout.root, file).scenario.workload == "loop"


@pytest.mark.parametrize("target", ["bugs/lost", "scenarios/bugs/lost.yaml"])
def test_who_wants_a_scenario_is_told_how_bugs_are_run(
    checkout: Checkout, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout.root)
    with pytest.raises(SpecError, match=f"^{target} is a bug; bugs are run by ./tb reproduce {target}$"):
        load_either(checkout.root, target)


def test_a_misspelt_bug_is_told_apart_from_a_scenario(checkout: Checkout) -> None:
    with pytest.raises(SpecError, match=r"^unknown bug 'bugs/lots'; did you mean 'bugs/lost'\?"):
        load_either(checkout.root, "bugs/lots")


def test_a_matrix_refuses_a_bug_in_its_line(checkout: Checkout) -> None:
    checkout.change("scenarios/matrices/quick.yaml", "  - benign/loop\n", "  - bugs/lost\n")
    with pytest.raises(SpecError, match=r"^scenarios/matrices/quick.yaml:4: bugs/lost is a bug; bugs are run by"):
        load_matrix(checkout.root, "quick")


def test_a_bugs_own_kernel_is_nobody_elses(checkout: Checkout) -> None:
    with pytest.raises(SpecError, match=r"^kernel 'vanilla-6.12~lost' is made by .* ./tb reproduce bugs/lost$"):
        resolve_kernel(checkout.root, "vanilla-6.12~lost")


def test_every_kind_of_crash_that_the_judge_knows_can_be_named() -> None:
    assert set(CRASH_KINDS) == {kind for kind, _ in SIGNATURES}
