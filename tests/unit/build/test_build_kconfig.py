# SPDX-License-Identifier: GPL-2.0-only
"""Options of the fragments that a source doesn't have."""

from dataclasses import replace
from pathlib import Path

import pytest

from testbed.build.kconfig import options
from testbed.build.kernel import build_kernel
from testbed.build.verify import verify_kernel
from testbed.errors import SpecError
from testbed.spec import Absent

LACKING = Absent("CONFIG_GONE", "kernel/kernels.yaml:7")


def test_options_are_those_of_all_files_that_kconfig_would_read(tmp_path: Path):
    files = {
        "Kconfig": 'source "arch/$(SRCARCH)/Kconfig"\nsource "mm/Kconfig"\nsource "scripts/Kconfig.$(UNKNOWN)"\n',
        "arch/x86/Kconfig": 'config X86\n\tdef_bool y\n\tsource "mm/Kconfig"\n',
        "arch/arm/Kconfig": "config ARM\n",
        "mm/Kconfig": "menuconfig SWAP\n\tbool\n    config NESTED\n# config COMMENT\n\t  config of it\n",
        "lib/Kconfig": "config NOT_SOURCED\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert options(tmp_path) == {"CONFIG_X86", "CONFIG_SWAP", "CONFIG_NESTED"}


def test_option_that_the_source_lacks_is_not_asked_for(checkout):
    fragment = checkout.fragment("base", "CONFIG_ALPHA=y\nCONFIG_GONE=y\n")
    spec = replace(checkout.kernel(None, fragment), absent=(LACKING,))
    image = build_kernel(checkout.root, spec)
    assert image.config.read_text() == "CONFIG_ALPHA=y\n"
    assert "GONE" not in (image.path / "config.requested").read_text()


def test_option_that_is_left_out_though_the_source_has_it_is_refused_with_its_line(checkout):
    fragment = checkout.fragment("base", "CONFIG_ALPHA=y\n")
    spec = replace(checkout.kernel(None, fragment), absent=(Absent("CONFIG_ALPHA", "kernel/kernels.yaml:8"),))
    refusal = r"^kernel/kernels.yaml:8: without: this source has CONFIG_ALPHA; take it out, it can be asked for$"
    with pytest.raises(SpecError, match=refusal):
        build_kernel(checkout.root, spec)
    assert checkout.compiled == 0
    with pytest.raises(SpecError, match=refusal):
        verify_kernel(checkout.root, spec)
