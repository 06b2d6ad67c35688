# SPDX-License-Identifier: GPL-2.0-only
"""The merged PT_RECLAIM of a newer kernel: it boots, is examined like ours, and frees what one call spans."""

import pytest
from conftest import ROOT, report, tb

from testbed.build import build_kernel
from testbed.errors import SourceUnavailable
from testbed.spec import resolve_kernel

KERNEL = "mainline-7.3"
SCENARIOS = ["benign/dontneed-loop", "benign/dontneed-pieces", "malicious/pte-flood", "malicious/zeropage-flood"]
pytestmark = [pytest.mark.night, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    try:
        build_kernel(ROOT, resolve_kernel(ROOT, KERNEL), report)
    except SourceUnavailable as error:
        pytest.skip(str(error))
    return tb("run", *SCENARIOS, "--kernel", KERNEL, "--json", "--out", tmp_path_factory.mktemp("runs"))


def test_it_does_what_was_measured_of_it(done):
    assert done.code == 0, done.stderr
    assert [record["verdict"] for record in done.records] == ["pass"] * len(SCENARIOS)


def test_all_channels_agree_on_a_kernel_that_is_not_ours(done):
    for record in done.records:
        for phase, numbers in record["phases"].items():
            assert numbers["agree"] is True, (record["cell"], phase, numbers["disagreement"])
            assert numbers["pagetables_kb"] == numbers["console_pagetables_kb"] == numbers["qmp_pagetables_kb"]
