# SPDX-License-Identifier: GPL-2.0-only
"""The kernels of this checkout, looked at as ``testbed kernel verify`` does; nothing is compiled but kconfig."""

from pathlib import Path

import pytest

from testbed.build import silent, verify_kernel
from testbed.build.series import read_series, series_folder
from testbed.errors import SourceUnavailable
from testbed.spec import AptSource, list_guests, load_guest, load_kernels, resolve_kernel

ROOT = Path(__file__).parents[2]
KERNELS = load_kernels(ROOT)
# a large download, which may not be offered any more: not what a change is to wait for
ELSEWHERE = {name for name, spec in KERNELS.items() if isinstance(spec.source, AptSource) and spec.source.suite}
NAMES = [
    pytest.param(f"{name}{flavour}", marks=[pytest.mark.night] if name in ELSEWHERE else [])
    for flavour in ("", "+debug")
    for name in KERNELS
]
NAMES += [f"{name}+selftests" for name in ("vanilla-6.12", "ptreclaim-6.12")]
NAMES += [f"pte_ref-6.12{flavour}" for flavour in ("+atomic", "+atomic+debug", "+switch-back")]
# that of a guest's selftests is applied by the build of the guest
OF_GUESTS = {selftests.series for name in list_guests(ROOT) if (selftests := load_guest(ROOT, name).selftests)}
SERIES = sorted(filter(None, {*OF_GUESTS, *(spec.series for spec in KERNELS.values())}))


@pytest.mark.parametrize("name", NAMES)
def test_series_applies_is_in_style_and_config_is_granted(name: str):
    try:
        report = verify_kernel(ROOT, resolve_kernel(ROOT, name), silent)
    except SourceUnavailable as error:
        if name.split("+")[0] not in ELSEWHERE:
            raise
        pytest.skip(str(error))
    assert report.ok, "\n".join(f"{check.what}\n{check.problem}" for check in report.checks if check.problem)


@pytest.mark.parametrize("name", SERIES)
def test_every_patch_in_the_folder_is_in_the_series(name: str):
    folder = series_folder(ROOT, name)
    own = {patch.name for patch in read_series(ROOT, name) if patch.parent == folder}
    assert own == {path.name for path in folder.glob("*.patch")}
