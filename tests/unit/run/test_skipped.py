# SPDX-License-Identifier: GPL-2.0-only
"""A kernel whose source can't be had: its cells are skipped with the reason, and all else is run."""

import json
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from testbed.errors import BuildError, SourceUnavailable
from testbed.machine.accel import Accel
from testbed.report.table import plain_rows, summary
from testbed.run import artefacts, conduct
from testbed.run.plan import Request, plan
from testbed.run.resume import reopen
from testbed.store.folder import RunFolder
from testbed.store.record import CellResult

ROOT = Path(__file__).resolve().parents[3]
REASON = "kernel mainline-7.3: linux-source-7.3 of trixie-backports can't be had: Could not resolve"
KERNELS = ("vanilla-6.12", "mainline-7.3")
FACTS = ("release", "source_version", "patchset_hash", "config_hash", "build_id", "compiler")


@pytest.fixture
def built(monkeypatch):
    """What becomes of each kernel that is to be built: an image, or the error given here."""
    outcomes = {}

    def build(root, spec, progress):
        if spec.name in outcomes:
            raise outcomes[spec.name]
        return SimpleNamespace(path=Path("/cache/key"), **dict.fromkeys(FACTS))

    def run_cell(job, cancelled):
        kernel, accel = {"name": job.cell.kernel.name}, {"kind": "tcg", "reason": "said so"}
        guest, scenario = {"name": "minimal"}, {"name": job.cell.scenario.name}
        rest = (accel, "pass", "", 1.0, 0.1, None, {}, {}, None)
        return CellResult(job.run, job.cell.name, kernel, guest, scenario, *rest)

    monkeypatch.setattr(artefacts, "build_kernel", build)
    monkeypatch.setattr(artefacts, "build_guest", lambda *_: SimpleNamespace(key="guest", uncompiled={}))
    monkeypatch.setattr(artefacts, "kernel_path", lambda *_: Path("/cache/key/bzImage"))
    monkeypatch.setattr(artefacts, "guest_path", lambda *_: Path("/cache/guest/initramfs"))
    monkeypatch.setattr("testbed.run.where.accelerator", lambda *_: Accel("tcg", "said so"))
    monkeypatch.setattr("testbed.run.local.run_job", run_cell)
    return outcomes


def conducted(out: Path, kernels=KERNELS, told=None):
    request = Request(ROOT, ("benign/dontneed-loop",), kernels, repeat=2, jobs=1)
    finished = (told if told is not None else []).append
    return conduct.conduct(request, plan(request), out, lambda *_: None, finished)


def test_its_cells_are_skipped_with_the_reason_and_the_others_are_run(built, tmp_path):
    built["mainline-7.3"] = SourceUnavailable(REASON)
    told = []
    done = conducted(tmp_path, told=told)
    found = [(record["kernel"]["name"], record["verdict"], record["reason"]) for record in done.records]
    assert found == [("vanilla-6.12", "pass", ""), ("mainline-7.3", "skip", REASON)] * 2
    assert len(told) == 4
    assert (conduct.exit_code(done), list(done.left)) == (0, [])
    assert done.folder.header()["unavailable"] == {"mainline-7.3": REASON}


def test_skipped_cell_is_told_in_every_report(built, tmp_path):
    built["mainline-7.3"] = SourceUnavailable(REASON)
    done = conducted(tmp_path)
    assert f"SKIP mainline-7.3/minimal/benign/dontneed-loop#1: {REASON}" in summary(done.records)
    assert any("mainline-7.3" in row and "skip" in row for row in plain_rows(done.records))
    junit = ElementTree.parse(done.folder.path / "junit.xml")
    assert [found.get("message") for found in junit.iter("skipped")] == [f"skip: {REASON}"] * 2


def test_run_of_which_nothing_is_left_to_run_does_not_start(built, tmp_path):
    built["mainline-7.3"] = SourceUnavailable(REASON)
    with pytest.raises(SourceUnavailable, match=f"^{REASON}$"):
        conducted(tmp_path, ("mainline-7.3",))
    assert not list(tmp_path.iterdir())


def test_kernel_that_does_not_compile_ends_the_run(built, tmp_path):
    built["mainline-7.3"] = BuildError("kernel.c:2:5: error")
    with pytest.raises(BuildError, match="error"):
        conducted(tmp_path)
    assert not list(tmp_path.iterdir())


def cut_off(folder: RunFolder, keep: int) -> Path:
    """The run as a kill after ``keep`` records would have left it."""
    folder._held.close()
    results = folder.path / "results.jsonl"
    results.write_text("".join(results.read_text().splitlines(keepends=True)[:keep]))
    return folder.path


def went_on(path: Path):
    return conduct.go_on(reopen(ROOT, RunFolder.open(path)), 1, lambda *_: None, lambda _: None, lambda _: None)


def test_run_that_is_gone_on_with_skips_the_same_kernel_though_it_could_be_had_now(built, tmp_path):
    built["mainline-7.3"] = SourceUnavailable(REASON)
    path = cut_off(conducted(tmp_path).folder, 1)
    del built["mainline-7.3"]
    verdicts = [record["verdict"] for record in went_on(path).records]
    assert verdicts == ["pass", "skip", "pass", "skip"]


def test_run_that_had_the_kernel_is_not_gone_on_with_by_skipping_it(built, tmp_path):
    path = cut_off(conducted(tmp_path).folder, 1)
    built["mainline-7.3"] = SourceUnavailable(REASON)
    with pytest.raises(SourceUnavailable, match=f"^{REASON}$"):
        went_on(path)
    records = [json.loads(line) for line in (path / "results.jsonl").read_text().splitlines()]
    assert [record["verdict"] for record in records] == ["pass"]


def suite_verdicts(out: Path, uncompiled, monkeypatch):
    image = SimpleNamespace(key="guest", uncompiled=uncompiled)
    monkeypatch.setattr(artefacts, "build_guest", lambda *_: image)
    request = Request(ROOT, ("suites/selftests-mm",), ("vanilla-6.12",), jobs=1)
    done = conduct.conduct(request, plan(request), out, lambda *_: None, lambda _: None)
    return done, {record["cell"].partition("=")[2]: (record["verdict"], record["reason"]) for record in done.records}


def test_test_that_its_suite_leaves_out_is_told_with_the_reason(built, tmp_path, monkeypatch):
    done, verdicts = suite_verdicts(tmp_path, {}, monkeypatch)
    assert verdicts["test_vmalloc#1"][0] == "skip"
    assert "module" in verdicts["test_vmalloc#1"][1]
    assert (verdicts["cow#1"][0], conduct.exit_code(done)) == ("pass", 0)


def test_test_that_could_not_be_compiled_is_no_pass_and_no_skip(built, tmp_path, monkeypatch):
    done, verdicts = suite_verdicts(tmp_path, {"mm/cow": "cow.c:1:2: error: x"}, monkeypatch)
    assert verdicts["cow#1"] == ("error", "mm/cow could not be compiled: cow.c:1:2: error: x")
    assert conduct.exit_code(done) == 3
