# SPDX-License-Identifier: GPL-2.0-only
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.errors import SpecError
from testbed.run.conduct import Conducted, exit_code
from testbed.run.plan import Request, plan

ROOT = Path(__file__).resolve().parents[3]


def names(**fields) -> list[str]:
    return [cell.name for cell in plan(Request(ROOT, **fields))]


def test_nothing_asked_for_is_the_quick_matrix_with_kernels_side_by_side():
    cells = names()
    assert cells[:2] == [f"{kernel}/minimal/benign/dontneed-loop#1" for kernel in ("vanilla-6.12", "ptreclaim-6.12")]
    assert "ptreclaim-6.12/minimal/benign/dontneed-pieces:piece=4KiB#1" in cells


def test_scenario_runs_on_the_default_matrixs_kernels():
    assert len(names(targets=("malicious/pte-flood",))) == 2


def test_suite_runs_on_its_own_kernels_unless_others_are_asked_for():
    cells = plan(Request(ROOT, ("suites/selftests-mm",)))
    assert {cell.kernel.name for cell in cells} == {"vanilla-6.12+selftests", "ptreclaim-6.12+selftests"}
    assert len(cells) > 100
    asked = names(targets=("suites/selftests-mm",), kernels=("vanilla-6.12",), overrides={"test": "mremap_test"})
    assert asked == ["vanilla-6.12/selftests/suites/selftests-mm:test=mremap_test#1"]


def test_repeat_numbers_the_attempts():
    cells = names(targets=("malicious/pte-flood",), kernels=("vanilla-6.12",), repeat=2)
    assert [cell.rpartition("#")[2] for cell in cells] == ["1", "2"]


def test_two_targets_that_share_a_cell_run_it_once():
    cells = names(targets=("malicious/pte-flood", "malicious/pte-flood"))
    assert len(cells) == len(set(cells)) == 2


def test_matrix_may_be_named_by_its_path():
    assert names(targets=(str(ROOT / "scenarios/matrices/quick.yaml"),)) == names()


def test_scale_and_settings_reach_the_workload():
    request = Request(ROOT, ("benign/dontneed-loop",), ("vanilla-6.12",), scale="full", overrides={"step": "4MiB"})
    (cell,) = plan(request)
    assert cell.scenario.argv == (f"--span={50 << 30}", f"--step={4 << 20}", "--press=knob")
    assert cell.name.endswith(":step=4MiB#1")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"targets": ("benign/dontned-loop",)}, "did you mean"),
        ({"kernels": ("vanilla-6.13",)}, "vanilla-6.12"),
        ({"guest": "maximal"}, "minimal"),
        ({"scale": "huge"}, "small"),
        ({"targets": ("suites/selftests-m",)}, "did you mean 'suites/selftests-mm'"),
        ({"targets": ("suites/selftests-mm",), "guest": "minimal"}, "guest minimal has no selftests of mm"),
        ({"targets": ("suites/selftests-mm",), "overrides": {"test": "mremap"}}, "did you mean 'mremap_test'"),
        ({"targets": ("benign/dontneed-loop",), "overrides": {"spam": "1"}}, "span"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(fields, message):
    with pytest.raises(SpecError, match=message):
        plan(Request(ROOT, **fields))


def in_suite(kernel: str, verdict: str) -> dict:
    scenario = {"name": "suites/mm", "params": {"test": "cow"}, "baseline": "vanilla-*"}
    return {
        "cell": f"{kernel}/g/suites/mm:test=cow#1",
        "kernel": {"name": kernel},
        "guest": {"name": "g"},
        "scenario": scenario,
        "verdict": verdict,
    }


@pytest.mark.parametrize(
    ("vanilla", "ours", "code"),
    [("pass", "fail", 1), ("fail", "fail", 0), ("fail", "pass", 0), ("fail", "crash", 1), ("skip", "skip", 0)],
)
def test_exit_code_of_a_suite_tells_whether_a_test_fails_that_passes_on_the_baseline(vanilla, ours, code):
    records = [in_suite("vanilla-6.12", vanilla), in_suite("ptreclaim-6.12", ours)]
    assert exit_code(Conducted(None, records, interrupted=False)) == code


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["pass", "gap", "done"], 0),
        (["pass", "fail"], 1),
        (["pass", "hang"], 1),
        (["flake"], 1),
        (["fail", "error"], 3),
        ([], 0),
    ],
)
def test_exit_code_tells_the_worst(verdicts, code):
    records = [{"verdict": verdict} for verdict in verdicts]
    assert exit_code(Conducted(None, records, interrupted=False)) == code
    assert exit_code(Conducted(None, records, interrupted=True)) == 130


def test_a_bug_is_no_target_of_a_run(tmp_path: Path):
    file = tmp_path / "mail.yaml"
    file.write_text("title: lost\nsignature: []\n")
    with pytest.raises(SpecError, match=rf"^{file} is a bug; bugs are run by ./tb reproduce {file}$"):
        plan(Request(ROOT, (str(file),)))


def test_a_cell_has_one_digest_wherever_its_programs_stand(tmp_path: Path):
    (cell,) = plan(Request(ROOT, ("benign/dontneed-loop",), kernels=("vanilla-6.12",)))
    here, there, other = (
        replace(cell, guest=replace(cell.guest, programs=(tmp_path / name,))).digest
        for name in ("a/own.c", "b/own.c", "a/other.c")
    )
    assert here == there != other
