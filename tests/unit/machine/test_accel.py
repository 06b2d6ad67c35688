# SPDX-License-Identifier: GPL-2.0-only
import sys
import time
from pathlib import Path

import pytest

from testbed.errors import HostError
from testbed.machine import accel

PROOF = accel.Proof(Path("vmlinuz"), Path("initramfs"))


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with our stand-in for QEMU and a /dev/kvm that opens; returns what sets an accelerator's behaviour."""
    folder = tmp_path / "bin"
    folder.mkdir()
    fake = folder / accel.QEMU
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("fake_qemu.py")} "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setattr(accel, "KVM_DEVICE", device)
    monkeypatch.setattr(accel, "PROOF_S", {"kvm": 1.0, "tcg": 5.0})

    def behave(**kinds: str) -> None:
        for kind, behaviour in kinds.items():
            monkeypatch.setenv(f"FAKE_QEMU_{kind.upper()}", behaviour)

    return behave


def test_kvm_that_boots_a_guest_is_the_first_choice(host, tmp_path):
    chosen = accel.choose("auto", False, PROOF, tmp_path)
    assert chosen.kind == "kvm"
    assert chosen.reason.startswith("kvm: a guest kernel booted in ")


def test_kvm_that_hangs_silently_is_found_out_and_tcg_taken(host, tmp_path):
    host(kvm="hangs")
    began = time.monotonic()
    chosen = accel.choose("auto", False, PROOF, tmp_path)
    assert chosen.kind == "tcg"
    assert "kvm: guest kernel silent for 1 s" in chosen.reason
    assert "opens but runs no guest" in chosen.reason
    assert time.monotonic() - began < 10


def test_kvm_that_aborts_is_told_with_qemus_own_words(host, tmp_path):
    host(kvm="aborts")
    assert "failed to set MSR 0x10a" in accel.choose("auto", False, PROOF, tmp_path).reason


def test_kernel_that_only_echoes_its_command_line_proves_nothing(host, tmp_path):
    host(kvm="echoes")
    chosen = accel.choose("auto", False, PROOF, tmp_path)
    assert (chosen.kind, "did not reach user space" in chosen.reason) == ("tcg", True)


def test_host_without_the_device_says_so(host, tmp_path, monkeypatch):
    monkeypatch.setattr(accel, "KVM_DEVICE", tmp_path / "nothing")
    assert "is not there" in accel.choose("auto", False, PROOF, tmp_path).reason


def test_answer_is_kept_for_the_next_time(host, tmp_path):
    host(kvm="hangs")
    first = accel.choose("auto", False, PROOF, tmp_path)
    began = time.monotonic()
    assert accel.choose("auto", False, PROOF, tmp_path) == first
    assert time.monotonic() - began < 0.5


def test_host_too_busy_to_boot_by_tcg_is_asked_again_the_next_time(host, tmp_path):
    host(kvm="aborts", tcg="aborts")
    with pytest.raises(HostError):
        accel.choose("auto", False, PROOF, tmp_path)
    host(tcg="boots")
    assert accel.choose("auto", False, PROOF, tmp_path).kind == "tcg"


def test_fresh_proof_finds_a_kvm_that_was_only_busy_before(host, tmp_path):
    host(kvm="hangs")
    assert accel.choose("auto", False, PROOF, tmp_path).kind == "tcg"
    host(kvm="boots")
    assert accel.choose("auto", False, PROOF, tmp_path).kind == "tcg"
    assert accel.choose("auto", False, PROOF, tmp_path, fresh=True).kind == "kvm"
    assert accel.choose("auto", False, PROOF, tmp_path).kind == "kvm"


@pytest.mark.parametrize(("want", "require"), [("auto", True), ("kvm", False)])
def test_required_kvm_that_runs_no_guest_is_an_error(host, tmp_path, want, require):
    host(kvm="hangs")
    with pytest.raises(HostError, match="opens but runs no guest"):
        accel.choose(want, require, PROOF, tmp_path)


def test_nothing_that_boots_is_an_error_with_both_reasons(host, tmp_path):
    host(kvm="aborts", tcg="aborts")
    with pytest.raises(HostError, match=r"kvm: QEMU ended.*tcg: QEMU ended"):
        accel.choose("auto", False, PROOF, tmp_path)
