# SPDX-License-Identifier: GPL-2.0-only
from pathlib import Path

import pytest

from testbed.build import proof
from testbed.build.kernel import build_kernel


@pytest.fixture(autouse=True)
def no_initramfs(monkeypatch):
    monkeypatch.setattr(proof, "_initramfs", lambda progress: Path("initramfs"))


def test_accelerator_is_not_proved_by_a_kernel_with_patches_which_may_never_boot(checkout):
    base = checkout.fragment("base", "CONFIG_ALPHA=y\n")
    plain = build_kernel(checkout.root, checkout.kernel(None, base))
    checkout.series("broken", **{"0001-a": checkout.line("int two;", "int ii;")})
    build_kernel(checkout.root, checkout.kernel("broken", base))
    assert proof.proof_image() == (plain.path / "bzImage", Path("initramfs"))


def test_accelerator_is_proved_by_the_kernel_with_the_least_in_it(checkout):
    plain = build_kernel(checkout.root, checkout.kernel(None, checkout.fragment("base", "CONFIG_ALPHA=y\n")))
    debug = build_kernel(checkout.root, checkout.kernel(None, checkout.fragment("debug", "CONFIG_BETA=y\n")))
    with (debug.path / "bzImage").open("ab") as image:
        image.write(bytes(1000))
    assert proof.proof_image()[0] == plain.path / "bzImage"
