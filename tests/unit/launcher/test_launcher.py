# SPDX-License-Identifier: GPL-2.0-only
import importlib.machinery
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tb(monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("tb", str(ROOT / "tb"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tb", loader))
    loader.exec_module(module)
    return module


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host whose commands are what the test writes; returns the function that writes one."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def command(name: str, script: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return command


def test_package_that_was_removed_but_not_purged_counts_as_missing(tb, host):
    host("dpkg-query", "echo installed gcc; echo config-files flex")
    assert tb.missing_packages(["gcc", "flex", "bison"]) == ["flex", "bison"]


def test_without_root_and_sudo_the_exact_line_is_printed_and_nothing_runs(tb, host, monkeypatch, capfd):
    monkeypatch.setattr(tb.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(tb.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit) as end:
        tb.install(["flex", "bison"])
    assert end.value.code == 2
    assert "apt-get install -y --no-install-recommends flex bison" in capfd.readouterr().err


def test_root_is_told_what_is_installed_before_it_is(tb, host, monkeypatch, capfd, tmp_path):
    monkeypatch.setattr(tb.os, "geteuid", lambda: 0)
    host("apt-get", f'echo "$*" >> {tmp_path}/asked')
    tb.install(["flex"])
    assert capfd.readouterr().err.startswith("Installing missing packages: apt-get install")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["update -q", "install -y --no-install-recommends flex"]


def test_install_that_fails_ends_with_the_line_to_run_by_hand(tb, host, monkeypatch, capfd):
    monkeypatch.setattr(tb.os, "geteuid", lambda: 0)
    host("apt-get", "exit 100")
    with pytest.raises(SystemExit) as end:
        tb.install(["flex"])
    assert (end.value.code, "Run it by hand" in capfd.readouterr().err) == (2, True)


def test_every_package_of_the_list_is_a_plain_name(tb):
    names = tb.wanted_packages("run")
    assert "qemu-system-x86" in names
    assert all(name.replace("-", "").replace(".", "").isalnum() for name in names)


def test_what_only_the_tests_need_is_asked_for_by_the_tests_alone(tb):
    assert {"chromium", "postgresql"} <= set(tb.wanted_packages("test"))
    assert not {"chromium", "postgresql"} & set(tb.wanted_packages("nightly"))
