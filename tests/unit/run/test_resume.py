# SPDX-License-Identifier: GPL-2.0-only
"""What a run that was interrupted is gone on with, and what it is not gone on with."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from testbed.cli.app import app
from testbed.errors import SpecError
from testbed.machine.accel import Accel
from testbed.run import artefacts, conduct
from testbed.run.plan import Request, plan
from testbed.run.resume import reopen
from testbed.store.folder import RunFolder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose specs may be changed."""
    root = tmp_path / "checkout"
    for name in ("kernel", "guests", "scenarios"):
        shutil.copytree(ROOT / name, root / name)
    return root


@pytest.fixture
def begun(checkout, tmp_path) -> Path:
    """A run of four cells: one has a record, one was attempted, two were not."""
    request = Request(checkout, ("benign/dontneed-loop", "malicious/pte-flood"), ("vanilla-6.12",), repeat=2)
    cells = plan(request)
    header = {
        "request": request.stored(),
        "cells": [cell.name for cell in cells],
        "digests": {cell.name: cell.digest for cell in cells},
        "kernels": {"vanilla-6.12": {"key": "0" * 64, "patchset_hash": None, "config_hash": "1" * 64}},
        "guests": {"minimal": {"key": "2" * 64}},
    }
    folder = RunFolder.create(tmp_path / "runs", header)
    for cell in cells[:2]:
        folder.attempt(cell.name)
    folder.append({"cell": cells[0].name, "verdict": "pass"})
    return folder.path


def again(checkout: Path, begun: Path):
    return reopen(checkout, RunFolder.open(begun))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_cells_with_a_record_are_kept_and_all_others_left_in_plan_order(checkout, begun):
    reopened = again(checkout, begun)
    assert [cell.name for cell in reopened.left] == [cell.name for cell in reopened.cells][1:]
    assert len(reopened.left) == 3


def test_lost_attempt_is_told_and_what_it_left_is_kept_beside(checkout, begun):
    reopened = again(checkout, begun)
    name = reopened.left[0].name
    first, second = reopened.take_up({"argv": ["tb"]})
    assert first.endswith("1 of 4 cells are done, 3 are run now")
    assert second.startswith(f"{name}: was under way when the run ended, is run again; what it left is in ")
    assert Path(second.rpartition(" ")[2]).name == f"{reopened.folder.cell(name).name}.lost-1"
    assert json.loads((begun / "run.json").read_text())["resumed"][0]["argv"] == ["tb"]


def test_torn_record_is_run_again(checkout, begun):
    results = begun / "results.jsonl"
    results.write_text(results.read_text()[:-4])
    assert len(again(checkout, begun).left) == 4


def test_request_comes_back_from_run_json_as_it_was(checkout, tmp_path, monkeypatch):
    monkeypatch.chdir(checkout / "scenarios" / "matrices")
    overrides = {"span": "1GiB"}
    asked = Request(checkout, ("quick.yaml",), ("vanilla-6.12",), None, "full", overrides, 3, "tcg", False, 2)
    stored = json.loads(json.dumps(asked.stored()))
    monkeypatch.chdir(tmp_path)
    read = Request.read(checkout, stored, "run.json")
    assert read.stored() == stored
    assert read.targets == (str(checkout / "scenarios/matrices/quick.yaml"),)


def test_matrix_with_another_scenario_is_refused_and_the_cell_named(checkout, tmp_path):
    request = Request(checkout)
    cells = plan(request)
    header = {"request": request.stored(), "digests": {cell.name: cell.digest for cell in cells}}
    path = RunFolder.create(tmp_path / "runs", header).path
    change(checkout / "scenarios/matrices/quick.yaml", "{piece: 4KiB}", "{piece: 8KiB}")
    gone, new = (
        rf"vanilla-6.12/minimal/benign/dontneed-pieces:piece={size}#1 [^,]* {what}"
        for size, what in (("4KiB", "no more there"), ("8KiB", "new"))
    )
    with pytest.raises(SpecError, match=f"{gone}, {new}$"):
        again(checkout, path)


def test_scenario_with_another_size_under_the_same_name_is_refused(checkout, begun):
    change(checkout / "scenarios/malicious/pte-flood.yaml", "small: 16GiB", "small: 8GiB")
    with pytest.raises(SpecError, match=r"others now than the run's: \S+pte-flood#1 \S+pte-flood#2 changed$"):
        again(checkout, begun)


def test_comment_in_a_scenario_changes_nothing(checkout, begun):
    path = checkout / "scenarios/malicious/pte-flood.yaml"
    path.write_text("# another line\n" + path.read_text())
    assert len(again(checkout, begun).cells) == 4


@pytest.fixture
def built(monkeypatch):
    """Keys of kernel and guest as they would be built now."""
    keys = {"kernel": "0" * 64, "guest": "2" * 64}
    for kind in keys:
        path = lambda *_, kind=kind: Path("/cache") / kind / keys[kind] / "image"  # noqa: E731
        monkeypatch.setattr(artefacts, f"{kind}_path", path)
    monkeypatch.setattr(artefacts, "kernel_patchset_hash", lambda *_: None)
    return keys


def sources_are_checked(checkout: Path, begun: Path) -> None:
    reopened = again(checkout, begun)
    artefacts.check_sources(checkout, reopened.folder, reopened.left, lambda *_: None)


def test_artefacts_of_the_same_content_are_taken(checkout, begun, built):
    sources_are_checked(checkout, begun)


def test_kernel_of_another_config_is_refused(checkout, begun, built):
    built["kernel"] = "9" * 64
    with pytest.raises(SpecError, match=r"kernel vanilla-6\.12 is another now: its config, source or compiler changed"):
        sources_are_checked(checkout, begun)


def test_kernel_with_other_patches_is_refused(checkout, begun, built, monkeypatch):
    built["kernel"] = "9" * 64
    monkeypatch.setattr(artefacts, "kernel_patchset_hash", lambda *_: "8" * 64)
    with pytest.raises(SpecError, match=r"kernel vanilla-6\.12 is another now: its patches changed"):
        sources_are_checked(checkout, begun)


def test_guest_with_another_workload_is_refused(checkout, begun, built):
    built["guest"] = "9" * 64
    with pytest.raises(SpecError, match="guest minimal is another now: its agent, workloads, packages or compiler"):
        sources_are_checked(checkout, begun)


def test_kernel_that_comes_out_of_the_build_otherwise_is_refused(checkout, begun):
    folder = again(checkout, begun).folder
    facts = {"patchset_hash": None, "config_hash": "7" * 64}
    unasked = dict.fromkeys(("release", "source_version", "build_id", "compiler"))
    image = type("Image", (), {**unasked, **facts, "path": Path("/k")})
    with pytest.raises(SpecError, match=f"kernel vanilla-6.12 is another now: config_hash {'7' * 64}, not {'1' * 64}"):
        artefacts.check_images(folder, artefacts.Artefacts({"vanilla-6.12": image}, {}))


def test_disk_that_is_full_ends_the_run_with_its_name_and_keeps_what_is_finished(checkout, begun, built, monkeypatch):
    images = artefacts.Artefacts({"vanilla-6.12": None}, {"minimal": None})
    monkeypatch.setattr("testbed.run.where.accelerator", lambda *_: Accel("tcg", "tcg: it was said so"))
    monkeypatch.setattr(conduct, "build_artefacts", lambda *_: images)
    monkeypatch.setattr(conduct, "check_images", lambda *_: None)
    monkeypatch.setattr("testbed.run.local.run_job", lambda *_: pytest.fail("a cell was run"))
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(RunFolder, "attempt_all", lambda *_: (_ for _ in ()).throw(full))
    monkeypatch.setattr(conduct, "run_junit", lambda *_: "<testsuites/>")
    done = conduct.go_on(again(checkout, begun), 1, lambda *_: None, lambda _: None, lambda _: None)
    assert (done.broken, conduct.exit_code(done)) == (f"{begun}: No space left on device", 3)
    assert (len(done.records), len(done.left)) == (1, 3)


def refused(*words: str | Path) -> str:
    """The one line that the command line says; nothing may be started."""
    done = CliRunner().invoke(app, ["run", "--resume", *map(str, words)])
    assert isinstance(done.exception, SpecError), done.output
    assert "\n" not in str(done.exception)
    return str(done.exception)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["benign/dontneed-loop"], "TARGET"),
        (["--kernel", "vanilla-6.12"], "--kernel"),
        (["--set", "span=1GiB"], "--set"),
        (["--repeat", "1"], "--repeat"),
        (["--accel", "auto"], "--accel"),
        (["--require-kvm"], "--require-kvm"),
        (["--dry-run"], "--dry-run"),
    ],
)
def test_plan_options_beside_resume_are_refused_even_with_their_default(words, named, begun):
    assert refused(begun, *words).startswith(f"{named}: a run is gone on with as it was planned")


def test_run_under_way_is_refused(begun):
    folder = RunFolder.open(begun)
    folder.hold()
    assert "this run is still under way" in refused(begun)


def test_folder_that_is_no_run_is_refused(tmp_path):
    assert "not a run's folder (it has no run.json)" in refused(tmp_path)


def test_run_json_that_is_torn_is_refused(begun):
    path = begun / "run.json"
    path.write_text(path.read_text()[:-30])
    assert "run.json: torn, it is no JSON" in refused(begun)


def test_run_of_a_version_that_kept_no_request_is_refused(begun):
    (begun / "run.json").write_text('{"schema": 1, "run": "x", "cells": []}')
    assert "holds no request that this version can plan again" in refused(begun)
