# SPDX-License-Identifier: GPL-2.0-only
"""The main job as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, tb, wait_for
from terminal import as_from_a_terminal

CHURNS = ["dontneed-loop", "dontneed-pieces", "jemalloc-churn", "tcmalloc-churn", "glibc-churn"]


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    return tb("run", "--json", "--out", tmp_path_factory.mktemp("runs"))


@pytest.mark.timeout(3600)
def test_quick_matrix_is_as_expected(quick):
    assert quick.code == 0, quick.stderr
    assert {record["verdict"] for record in quick.records} == {"pass"}


def test_vanilla_shows_the_leak_in_every_benign_scenario(quick):
    benign = [r for r in quick.records if r["kernel"]["name"] == "vanilla-6.12" and r["scenario"]["kind"] == "benign"]
    killed = [r["scenario"]["name"] for r in benign if r["exit"]["oom_kill"]]
    assert killed == ["benign/memcg-survival"]
    assert len(benign) >= 12
    for record in (r for r in benign if r["scenario"]["name"] not in killed):
        assert record["phases"]["after"]["vmpte_kb"] >= 0.9 * record["phases"]["peak"]["vmpte_kb"], record["cell"]


def test_ptreclaim_gives_back_what_vanilla_keeps_beyond_need(quick):
    cells = {}
    for record in quick.records:
        kernel, _, label = record["cell"].split("/", 2)
        cells.setdefault(label, {})[kernel] = record["phases"].get("after")
    checked = [label for label in cells if any(churn in label for churn in CHURNS)]
    assert len(checked) >= 7
    for label in checked:
        vanilla, ours = cells[label]["vanilla-6.12"], cells[label]["ptreclaim-6.12"]
        kept = vanilla["left_over"]["pte"]
        assert ours["left_over"]["pte"] <= 0.02 * kept + 16, (label, kept, ours["left_over"])


def test_reclaim_on_demand_leaves_nothing_that_could_go(quick):
    asked = [r for r in quick.records if r["kernel"]["name"] == "ptreclaim-6.12" and "pressed" in r["phases"]]
    assert len(asked) >= 5
    for record in asked:
        assert record["phases"]["pressed"]["left_over"]["pte"] == 0, record["cell"]


def test_all_channels_agree_to_the_page(quick):
    for record in quick.records:
        for phase, numbers in record["phases"].items():
            assert numbers["agree"] is True, (record["cell"], phase, numbers["disagreement"])
            assert numbers["pagetables_kb"] == numbers["console_pagetables_kb"] == numbers["qmp_pagetables_kb"]


def test_gap_is_printed_and_never_silently_passed(tmp_path):
    scenario = tmp_path / "known.yaml"
    text = (ROOT / "scenarios" / "malicious" / "zeropage-flood.yaml").read_text()
    gap = "known_gap: {'vanilla-*': {expect: pressed.left_over.pte <= 16, reason: there is nobody to ask}}\n"
    scenario.write_text(f"kind: malicious\n{text}{gap}")
    done = tb("run", scenario, "--kernel", "vanilla-6.12", "--set", "span=1GiB", "--json", "--out", tmp_path / "runs")
    (record,) = done.records
    assert (done.code, record["verdict"]) == (0, "gap")
    assert f"GAP {record['cell']}: there is nobody to ask (pressed.left_over.pte 512 is not <= 16)" in done.stderr


def test_accelerator_and_its_reason_are_in_every_record(quick):
    for record in quick.records:
        assert record["accel"]["kind"] in record["accel"]["reason"]


def test_typing_error_in_a_scenario_is_one_line_and_nothing_starts(tmp_path):
    text = (ROOT / "scenarios" / "benign" / "dontneed-loop.yaml").read_text()
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: benign\n" + text.replace("workload:", "worklod:"))
    done = tb("run", wrong, "--out", tmp_path / "runs")
    line = next(n for n, text in enumerate(wrong.read_text().splitlines(), 1) if text.startswith("worklod"))
    assert done.code == 2
    assert done.stderr.startswith(f"{wrong}:{line}: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_doctor_proves_an_accelerator_in_twenty_seconds():
    began = time.monotonic()
    done = tb("doctor", "--json")
    assert time.monotonic() - began < 20
    assert done.code == 0, done.stdout
    assert done.records[0]["accel"]["kind"] in ("kvm", "tcg")


def our_qemus(folder: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
        and "qemu-system" in process.info["cmdline"][0]
    ]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_orchestrator_that_dies_leaves_no_qemu(how, tmp_path, kernel, image, accel):
    words = ["run", "benign/dontneed-loop", "--kernel", "vanilla-6.12", "--set", "span=8GiB", "--out", tmp_path]
    argv = [sys.executable, "-c", "from testbed.cli import main; main()", *map(str, words)]
    how_started = {"stderr": subprocess.DEVNULL, "preexec_fn": as_from_a_terminal}
    with subprocess.Popen(argv, cwd=ROOT, **how_started) as orchestrator:
        assert wait_for(lambda: our_qemus(tmp_path), 60)
        time.sleep(1)
        os.kill(orchestrator.pid, how)
        assert wait_for(lambda: not our_qemus(tmp_path), 5)
        code = orchestrator.wait(timeout=10)
    assert code == (130 if how == signal.SIGINT else -signal.SIGKILL)
    (run,) = tmp_path.glob("*/run.json")
    assert json.loads(run.read_text())["cells"] == ["vanilla-6.12/minimal/benign/dontneed-loop:span=8GiB#1"]


def test_required_kvm_that_cannot_run_a_guest_ends_before_anything_starts(tmp_path, accel):
    if accel.kind == "kvm":
        pytest.skip("KVM runs guests on this host, so there is nothing to refuse")
    began = time.monotonic()
    done = tb("run", "malicious/pte-flood", "--require-kvm", "--out", tmp_path / "runs")
    assert (done.code, (tmp_path / "runs").exists()) == (2, False)
    assert "kvm: " in done.stderr.splitlines()[-1]
    assert time.monotonic() - began < 20
