# SPDX-License-Identifier: GPL-2.0-only
"""A bundle of a bug's cell, run by nothing but QEMU and a shell, and by the testbed."""

import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import psutil
import pytest
import zstandard
from conftest import tb, wait_for

# What README.md of a bundle says that it needs; sha256sum is optional.
TOOLS = ("awk", "cat", "grep", "mkdir", "qemu-system-x86_64", "rm", "sed", "sh", "sleep", "sha256sum", "tr", "wc")
BUG = "bugs/server-vmpte-110g"


def unpack(bundle: Path, into: Path) -> Path:
    with zstandard.open(bundle, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        archive.extractall(into, filter="data")
    (top,) = into.iterdir()
    return top


@pytest.fixture(scope="module")
def tools(tmp_path_factory) -> Path:
    """A PATH with nothing else."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in TOOLS:
        (folder / tool).symlink_to(Path(shutil.which(tool)).resolve())
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    done = tb("reproduce", BUG, "--kernel", "vanilla-6.12", "-n", 1, "--out", folder / "runs")
    assert done.code == 0, done.stderr
    (run,) = (folder / "runs").iterdir()
    made = tb("bundle", run, "server-vmpte", "--out", folder / "bug.tar.zst")
    assert made.code == 0, made.stderr
    return folder / "bug.tar.zst"


@pytest.fixture
def alone(bundle, tools, tmp_path):
    """The unpacked bundle and how to run its script there."""
    top = unpack(bundle, tmp_path / "empty")
    # a job in the background has SIGINT ignored, and a shell that is started so can't trap it
    argv = ["env", "-i", "--default-signal=INT", f"PATH={tools}", "./reproduce.sh"]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*argv, *words], cwd=top, capture_output=True, text=True, check=False)

    run.top, run.argv = top, argv
    return run


@pytest.mark.timeout(900)
def test_a_bundle_reproduces_with_qemu_and_a_shell_alone(alone):
    done = alone("-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert said[0] == f"vanilla-6.12/minimal/{BUG}#1"
    assert [line.startswith("attempt ") and ": reproduced (after.vmpte_kb " in line for line in said[2:4]] == [True] * 2
    assert said[4] == "reproduced 2 of 2"
    told = [
        json.loads(line) for line in (alone.top / "out/attempt-2/agent.log").read_text().splitlines() if line[0] == "{"
    ]
    assert [each["phase"] for each in told if each["type"] == "phase"] == ["start", "peak", "after", "pressed"]
    assert [each["type"] for each in told][-2:] == ["exit", "bye"]


@pytest.mark.timeout(900)
def test_a_smaller_server_needs_another_order_and_its_tables_are_counted_by_the_guest_as_by_the_census(alone, bundle):
    record = json.loads((alone.top / "record.json").read_text())
    script = (alone.top / "reproduce.sh").read_text()
    counted = script.replace("'after.vmpte_kb >= 0.5 * peak.vmpte_kb'", "'after.left_over.pte > 1000'")
    assert counted != script
    (alone.top / "counted.sh").write_text(counted)
    done = subprocess.run(
        [*alone.argv[:-1], "sh", "./counted.sh", "-n", "1"], cwd=alone.top, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    low, high = (int(n) for n in done.stdout.partition("after.left_over.pte ")[2].split(" ")[0].split(".."))
    assert low <= record["phases"]["after"]["left_over"]["pte"] <= high, done.stdout
    smaller = (alone.top / "run.txt").read_text().replace("--divisor=2048", "--divisor=65536")
    (alone.top / "smaller.txt").write_text(smaller)
    done = subprocess.run(
        [*alone.argv[:-1], "sh", "./counted.sh", "-n", "1", "-r", "smaller.txt"],
        cwd=alone.top,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout
    assert "not reproduced (after.left_over.pte " in done.stdout
    assert done.stdout.endswith("reproduced 0 of 1\n")


def test_a_bundle_whose_files_are_others_is_refused(alone):
    with (alone.top / "run.txt").open("a") as file:
        file.write("arg=--evil=1\n")
    done = alone()
    assert done.returncode == 2
    assert "run.txt: FAILED" in done.stderr
    assert not (alone.top / "out").exists()


def test_without_qemu_it_says_so(alone, tools, tmp_path):
    shutil.copytree(tools, tmp_path / "bin", symlinks=True)
    (tmp_path / "bin" / "qemu-system-x86_64").unlink()
    argv = ["env", "-i", f"PATH={tmp_path / 'bin'}", "./reproduce.sh"]
    done = subprocess.run(argv, cwd=alone.top, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("reproduce.sh: qemu-system-x86_64 is not installed")


@pytest.mark.timeout(300)
def test_interrupted_it_leaves_no_qemu_behind(alone):
    script = subprocess.Popen(
        [*alone.argv, "-a", "tcg"], cwd=alone.top, stdout=subprocess.DEVNULL, start_new_session=True
    )
    assert wait_for(lambda: psutil.Process(script.pid).children(recursive=True), 30)
    assert wait_for(lambda: (alone.top / "out/attempt-1/agent.log").is_file(), 60)
    time.sleep(1)
    guests = [each for each in psutil.Process(script.pid).children(recursive=True) if "qemu" in each.name()]
    assert guests
    os.kill(script.pid, signal.SIGINT)
    assert script.wait(60) == 130
    assert not any(each.is_running() for each in guests)


@pytest.mark.timeout(900)
def test_the_testbed_runs_a_bundle_on_its_own_images_and_grades_it(bundle, tmp_path):
    done = tb("reproduce", bundle, "-n", 1, "--out", tmp_path / "runs")
    assert done.code == 0, done.stderr
    assert "reproduced 1 of 1" in done.stdout
    (run,) = (tmp_path / "runs").iterdir()
    (record,) = (json.loads(line) for line in (run / "results.jsonl").read_text().splitlines())
    assert record["shown"]["shown"] is True
    assert record["phases"]["after"]["left_over"]["pte"] > 10_000


def test_the_testbed_refuses_a_bundle_that_was_tampered_with(bundle, tmp_path):
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    evil = tmp_path / "evil.tar.zst"
    evil.write_bytes(data)
    done = tb("reproduce", evil, "--out", tmp_path / "runs")
    assert done.code == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{evil}: refused: ")
    assert not (tmp_path / "runs").exists()
