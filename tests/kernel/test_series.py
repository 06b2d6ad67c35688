# SPDX-License-Identifier: GPL-2.0-only
"""The kernels of this checkout, looked at as ``testbed kernel verify`` does; nothing is compiled but kconfig."""

from pathlib import Path

import pytest

from testbed.build import silent, verify_kernel
from testbed.build.series import read_series, series_folder
from testbed.spec import load_kernels, resolve_kernel

ROOT = Path(__file__).parents[2]
KERNELS = load_kernels(ROOT)
SERIES = sorted({spec.series for spec in KERNELS.values() if spec.series})


@pytest.mark.parametrize("name", [*KERNELS, *(f"{name}+debug" for name in KERNELS)])
def test_series_applies_is_in_style_and_config_is_granted(name: str):
    report = verify_kernel(ROOT, resolve_kernel(ROOT, name), silent)
    assert report.ok, "\n".join(f"{check.what}\n{check.problem}" for check in report.checks if check.problem)


@pytest.mark.parametrize("name", SERIES)
def test_every_patch_in_the_folder_is_in_the_series(name: str):
    listed = {patch.name for patch in read_series(ROOT, name)}
    assert listed == {path.name for path in series_folder(ROOT, name).glob("*.patch")}
