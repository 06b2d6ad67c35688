# SPDX-License-Identifier: GPL-2.0-only
"""Every way in which tables become worthless, and every way to ask for them, kernel beside kernel."""

import pytest
from conftest import tb

pytestmark = [pytest.mark.night, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    words = ("reclaim", "--kernel", "vanilla-6.12", "--kernel", "ptreclaim-6.12", "--json")
    return tb("run", *words, "--out", tmp_path_factory.mktemp("runs"))


def test_every_cell_is_as_expected(done):
    assert done.code == 0, done.stderr
    assert {record["verdict"] for record in done.records} == {"pass"}


def test_no_table_that_was_freed_still_tells_what_was_in_it(done):
    stale = [numbers["stale_entries"] for record in done.records for numbers in record["phases"].values()]
    assert len(stale) > 100
    assert not any(stale)


def test_all_channels_agree_to_the_page_before_and_after_reclaim(done):
    for record in done.records:
        for phase, numbers in record["phases"].items():
            assert numbers["agree"] is True, (record["cell"], phase, numbers["disagreement"])
