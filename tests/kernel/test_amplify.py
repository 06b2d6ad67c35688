# SPDX-License-Identifier: GPL-2.0-only
"""The patch that lets a kernel wait goes onto each kernel of this checkout, in style, with its options granted."""

from dataclasses import replace
from pathlib import Path

import pytest

from testbed.build import silent, verify_kernel
from testbed.build.recipe import make_recipe
from testbed.build.series import apply_series
from testbed.errors import SourceUnavailable
from testbed.run.reproduce.amplify import amplified
from testbed.spec import Amplify, AptSource, KernelSpec, load_guest, load_kernels, resolve_kernel

ROOT = Path(__file__).parents[2]
KERNELS = load_kernels(ROOT)
WAITS = Amplify(udelay={"do_madvise": 1})


def amplified_kernel(name: str) -> KernelSpec:
    kernel, _ = amplified(ROOT, resolve_kernel(ROOT, name), load_guest(ROOT, "minimal"), WAITS)
    return kernel


@pytest.mark.parametrize("name", KERNELS)
def test_patch_goes_onto_every_kernel_with_no_fuzz(name, tmp_path):
    try:
        recipe = make_recipe(ROOT, amplified_kernel(name), silent)
        recipe.source.place(tmp_path / "linux")
    except SourceUnavailable as error:
        if not isinstance(KERNELS[name].source, AptSource) or not KERNELS[name].source.suite:
            raise
        pytest.skip(str(error))
    apply_series(tmp_path / "linux", recipe.patches)


def test_patch_is_in_style_and_its_options_are_granted():
    kernel = amplified_kernel("vanilla-6.12")
    report = verify_kernel(ROOT, replace(kernel, name="vanilla-6.12 with waits"), silent)
    assert report.ok, "\n".join(f"{check.what}\n{check.problem}" for check in report.checks if check.problem)
