# SPDX-License-Identifier: GPL-2.0-only
"""A point release that the archive has dropped can still be built from what is kept, under its own number."""

from pathlib import Path

import pytest

from testbed.build import apt, cache, releases
from testbed.build.aptstate import AptState
from testbed.build.progress import silent
from testbed.build.releases import choose, newest_release, release_of
from testbed.errors import BuildError, SourceUnavailable
from testbed.spec import AptSource

SPEC = AptSource("linux-source-6.12")
OLD = apt.Package("linux-source-6.12", "6.12.116-1", "SHA256:aa")
NEW = apt.Package("linux-source-6.12", "1:6.12.117-1~deb12u1", "SHA256:bb")


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path))


def unpacked(package: apt.Package) -> None:
    cache.get_or_make("source", package.key, lambda entry: None)


def test_release_is_what_a_person_calls_the_kernel():
    assert [release_of(each.version) for each in (OLD, NEW)] == ["6.12.116", "6.12.117"]


@pytest.fixture
def archive(monkeypatch):
    """An archive that has these packages, the newest first."""
    has = [NEW]
    by_name = lambda name: next(each for each in has if name in (each.name, f"{each.name}={each.version}"))  # noqa: E731
    monkeypatch.setattr(apt, "ask", lambda names, step, progress, state: (by_name(names[0]),))
    monkeypatch.setattr(apt, "versions", lambda name, state: tuple(each.version for each in has))
    return has


def of(release: str | None = None) -> AptSource:
    return AptSource("linux-source-6.12", release=release)


def test_release_that_was_used_before_is_found_beside_its_successor(archive):
    archive[:] = [OLD]
    assert choose(SPEC, "kernel k", silent) == OLD
    unpacked(OLD)
    archive[:] = [NEW]
    assert choose(SPEC, "kernel k", silent) == NEW
    assert [choose(of(release), "kernel k", silent) for release in ("6.12.116", "6.12.117")] == [OLD, NEW]


def test_release_that_the_archive_still_has_is_fetched_by_its_version(archive):
    archive.append(OLD)
    assert choose(of("6.12.116"), "kernel k", silent) == OLD


def test_release_that_is_neither_in_the_archive_nor_kept_says_what_there_is(archive):
    with pytest.raises(SourceUnavailable, match=r"6\.12\.1 can't be had: the archive has 6\.12\.117$"):
        choose(of("6.12.1"), "kernel k", silent)


def asked(monkeypatch, update) -> list[str]:
    monkeypatch.setattr(releases, "apt_state", lambda spec: lambda: AptState("", cache.cache_root(), (), True, update))
    monkeypatch.setattr(apt, "ask", lambda names, step, progress, state: (NEW,))
    said: list[str] = []
    assert newest_release(SPEC, "sources", lambda step, what: said.append(what)) == "6.12.117"
    return said


def test_archive_is_asked_anew_however_fresh_the_lists_are(monkeypatch):
    updates = []
    asked(monkeypatch, lambda: updates.append("fetched"))
    assert updates == ["fetched"]


def test_night_without_network_goes_on_and_says_so(monkeypatch):
    def refuse() -> None:
        raise BuildError("apt-get failed\nE: Temporary failure resolving 'mirror'")

    said = asked(monkeypatch, refuse)
    assert "the archive can't be asked (Temporary failure resolving 'mirror'); goes on with what is known" in said
