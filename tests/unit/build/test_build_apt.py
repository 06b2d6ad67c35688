# SPDX-License-Identifier: GPL-2.0-only
"""Packages are found also where the system's own package lists are old or few."""

import pytest

from testbed.build import apt, aptstate, process
from testbed.errors import BuildError

URI = "'{scheme}://mirror/pool/tool_1.2%3a3_amd64.deb' tool_1.2%3a3_amd64.deb 10 SHA256:" + "ab" * 32


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """A system with lists that lack the package; lists of our own have it after an update."""
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path))
    (tmp_path / "system_Packages").touch()
    said = []

    def capture(argv):
        said.append(argv)
        if not any("Dir::State::lists" in word for word in argv):
            raise BuildError("E: Unable to locate package tool")
        return URI.format(scheme="http")

    monkeypatch.setattr(process, "capture", capture)
    monkeypatch.setattr(aptstate, "SYSTEM_LISTS", tmp_path)
    return said


def test_package_that_the_systems_lists_lack_is_found_in_lists_of_our_own(asked, monkeypatch):
    updates = []
    monkeypatch.setattr(process, "run", lambda argv, log, cwd=None: updates.append(argv))
    (package,) = apt.ask(["tool"], "step", lambda step, text: None)
    assert (package.name, package.version) == ("tool", "1.2:3")
    assert len(updates) == 1
    apt.ask(["tool"], "step", lambda step, text: None)
    assert len(updates) == 1, "fresh lists are not fetched again"


def test_update_that_fails_leaves_no_half_set_of_lists(asked, monkeypatch):
    def refuse(argv, log, cwd=None):
        raise BuildError("no network")

    monkeypatch.setattr(process, "run", refuse)
    with pytest.raises(BuildError, match="no network"):
        apt.ask(["tool"], "step", lambda step, text: None)
    assert not any("Dir::State::lists" in word for word in asked[-1])
    with pytest.raises(BuildError, match="no network"):
        apt.ask(["tool"], "step", lambda step, text: None)
