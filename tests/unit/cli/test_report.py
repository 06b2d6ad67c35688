# SPDX-License-Identifier: GPL-2.0-only
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from kcidb_io.schema import LATEST
from run_records import bench, cell, run_of
from typer.testing import CliRunner

from testbed.cli.app import app
from testbed.errors import SpecError
from testbed.judge.ktap import parse_ktap
from testbed.store.folder import RunFolder


@pytest.fixture
def folder(tmp_path) -> Path:
    records = [cell(), cell("ptreclaim-6.12", verdict="crash"), bench()]
    header = {key: value for key, value in run_of(*records).items() if key not in ("run", "schema")}
    run = RunFolder.create(tmp_path / "runs", header)
    for record in records:
        run.append(record)
    run.attempt(records[1]["cell"]).joinpath("console.log").write_text("Oops: 0002\n")
    return run.path


def report(folder: Path, *words: str | Path):
    done = CliRunner().invoke(app, ["report", str(folder), *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_one_call_writes_every_format_and_prints_the_table(folder, tmp_path):
    files = {name: tmp_path / f"out.{name}" for name in ("junit", "ktap", "kcidb")}
    done = report(folder, *(word for name, path in files.items() for word in (f"--{name}", path)))
    assert done.exit_code == 0
    assert ElementTree.parse(files["junit"]).getroot().tag == "testsuites"
    assert len(parse_ktap(files["ktap"].read_text().split("\n")).results) == 8
    kcidb = json.loads(files["kcidb"].read_text())
    assert LATEST.is_valid_exactly(kcidb)
    assert "Oops: 0002" in kcidb["tests"][1]["log_excerpt"]
    assert str(tmp_path) not in files["kcidb"].read_text()
    assert "benign/x" in done.stdout
    assert "fork-exit" in done.stdout


@pytest.mark.parametrize(
    ("option", "begins"), [("--ktap", "KTAP version 1\n"), ("--junit", "<?xml"), ("--kcidb", "{\n")]
)
def test_a_format_on_stdout_stands_there_alone(folder, option, begins):
    done = report(folder, option, "-")
    assert done.stdout.startswith(begins)
    assert "3 cells: " not in done.stdout
    assert "3 cells: " in done.stderr
    if option == "--kcidb":
        assert LATEST.is_valid_exactly(json.loads(done.stdout))


def test_records_on_stdout_leave_the_file_of_a_format_alone(folder, tmp_path):
    done = report(folder, "--json", "--ktap", tmp_path / "k.txt")
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["pass", "crash", "fail"]
    assert (tmp_path / "k.txt").read_text().startswith("KTAP")


def test_cells_that_have_no_record_yet_are_told(folder):
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    (folder / "results.jsonl").write_text("".join(lines[:1]))
    assert "2 cells were not run; go on with: ./tb run --resume" in report(folder).stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--ktap", "no/such/k.txt"), "--ktap no/such/k.txt: no folder no/such"),
        (("--ktap", "."), "--ktap .: is a folder"),
        (("--ktap", "-", "--kcidb", "-"), "--ktap and --kcidb: both go to -"),
        (("--junit", "same", "--ktap", "same"), "--junit and --ktap: both go to same"),
        (("--json", "--ktap", "-"), "--json: writes to stdout"),
        (("--ktap", "k.txt", "--kcidb", "k.json", "--origin", "My CI"), "--origin My CI: KCIDB's names"),
    ],
)
def test_what_cannot_be_written_is_told_in_a_line_and_nothing_is(folder, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SpecError) as raised:
        report(folder, *words)
    assert str(raised.value).startswith(told)
    assert "\n" not in str(raised.value)
    assert sorted(tmp_path.iterdir()) == before


def test_full_disk_leaves_the_file_of_before_and_no_draft(folder, tmp_path, monkeypatch):
    target = tmp_path / "k.txt"
    target.write_text("of before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("testbed.store.durable.os.fsync", full)
    with pytest.raises(SpecError, match=r"k\.txt: No space left on device; name a file"):
        report(folder, "--ktap", target)
    assert target.read_text() == "of before"
    assert {path.name for path in tmp_path.iterdir()} == {"k.txt", "runs"}


def test_device_is_written_into_and_a_link_followed(folder, tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    link.symlink_to(tmp_path / "target.txt")
    try:
        report(folder, "--ktap", pipe, "--kcidb", link)
        assert os.read(reader, 14) == b"KTAP version 1"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert (tmp_path / "target.txt").read_text().startswith("{")
