# SPDX-License-Identifier: GPL-2.0-only
import gzip
import subprocess
from pathlib import Path

import pytest

from testbed.build.cpio import Archive


def _archive() -> Archive:
    archive = Archive()
    archive.file("usr/bin/tool", b"#!/bin/sh\n", 0o755)
    archive.link("bin", "usr/bin")
    archive.character_device("dev/console", 5, 1)
    archive.folder("tmp", 0o1777)
    return archive


@pytest.mark.usefixtures("cpio")
def test_cpio_reads_it():
    said = subprocess.run(["cpio", "-tv"], input=_archive().to_bytes(), capture_output=True, check=True).stdout.decode()
    lines = {line.split(maxsplit=8)[-1] if "->" not in line else "link": line for line in said.splitlines()}
    assert lines["usr/bin/tool"].startswith("-rwxr-xr-x")
    assert "root" in lines["usr/bin/tool"]
    assert "bin -> usr/bin" in lines["link"]
    assert any(
        line.startswith("crw-------") and "5,   1" in line and "dev/console" in line for line in said.splitlines()
    )
    assert any(line.startswith("drwxrwxrwt") for line in said.splitlines())


@pytest.mark.usefixtures("cpio")
def test_content_survives(tmp_path: Path):
    subprocess.run(["cpio", "-id", "--quiet", "usr/*", "bin"], input=_archive().to_bytes(), cwd=tmp_path, check=True)
    assert (tmp_path / "usr/bin/tool").read_bytes() == b"#!/bin/sh\n"
    assert (tmp_path / "bin").readlink() == Path("usr/bin")


def test_same_content_gives_the_same_bytes_whatever_the_order(tmp_path: Path):
    other = Archive()
    other.folder("tmp", 0o1777)
    other.character_device("/dev/console", 5, 1)
    other.link("bin", "usr/bin")
    other.file("./usr/bin/tool", b"#!/bin/sh\n", 0o755)
    _archive().write(tmp_path / "one")
    other.write(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert gzip.decompress((tmp_path / "one").read_bytes()) == other.to_bytes()
