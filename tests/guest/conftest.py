# SPDX-License-Identifier: GPL-2.0-only
"""Real guests: kernels and images come from the cache, or are built into it by the first test that needs them."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.build import build_guest, build_kernel
from testbed.machine.accel import Accel
from testbed.machine.qemu import Launch
from testbed.run.where import accelerator
from testbed.spec import load_guest, resolve_kernel

ROOT = Path(__file__).resolve().parents[2]


def report(step: str, what: str) -> None:
    print(f"{step}: {what}", file=sys.stderr)


@dataclass(frozen=True)
class Done:
    """What a command left: exit code, records on stdout, text on stderr."""

    code: int
    records: list[dict]
    stdout: str
    stderr: str


def tb(*words: str | Path, cwd: Path = ROOT) -> Done:
    """Run the command line as a user does."""
    argv = [sys.executable, "-c", "from testbed.cli import main; main()", *map(str, words)]
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return Done(done.returncode, [json.loads(line) for line in lines], done.stdout, done.stderr)


def wait_for(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="session")
def accel() -> Accel:
    return accelerator("auto", False, report)


@pytest.fixture(scope="session")
def kernel():
    return build_kernel(ROOT, resolve_kernel(ROOT, "vanilla-6.12"), report)


@pytest.fixture(scope="session")
def image():
    return build_guest(ROOT, load_guest(ROOT, "minimal"), report)


@pytest.fixture
def launch(accel, kernel, image, tmp_path_factory) -> Launch:
    """A minimal guest that has not been started; its logs and sockets are in a folder with a short path."""
    folder = tmp_path_factory.mktemp("m", numbered=True)
    sockets = Path(f"/tmp/tb-test-{os.getpid()}-{folder.name}")
    sockets.mkdir()
    yield Launch(accel.kind, kernel.bzimage, image.initramfs, 512 << 20, 1, 4, folder, sockets)
    for socket in sockets.iterdir():
        socket.unlink()
    sockets.rmdir()
