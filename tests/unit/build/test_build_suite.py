# SPDX-License-Identifier: GPL-2.0-only
"""Packages of a suite that the host's apt doesn't have: from which mirror, by whose keys, and what if there is none."""

import os
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from testbed.build import apt, suite
from testbed.build.progress import silent
from testbed.build.source import find_source
from testbed.build.suite import mirrors, suite_state
from testbed.errors import BuildError, SourceUnavailable
from testbed.spec import AptSource

ONE_LINE = """\
# the machine's
deb http://mirror.example.org/debian bookworm main contrib
deb [arch=amd64 signed-by=/keys/a.gpg] https://safe.example.org/deb/ stable main
# deb http://off.example.org/debian bookworm main
deb http://tools.example.org/apt bookworm tools
deb https://flat.example.org/repo ./
"""
DEB822 = """\
Types: deb deb-src
# a comment
URIs: http://other.example.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://security.example.org/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://off.example.org/debian
Suites: bookworm
Components: main
Enabled: no
"""
SECURITY = "http://security.example.org/debian-security"


def said_of(folder: Path, **files: str) -> str:
    """What apt itself says that it would fetch for these sources."""
    if shutil.which("apt-get") is None:
        pytest.skip("apt-get is not installed: this is no Debian")
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "parts").mkdir()
    for name, text in files.items():
        (folder / "parts" / name.replace("_", ".")).write_text(text)
    options = {"sourcelist": "/dev/null", "sourceparts": folder / "parts"}
    argv = ["apt-get", "update", "--print-uris", "-o", f"Dir::State::lists={folder / 'lists'}"]
    argv += [word for name, value in options.items() for word in ("-o", f"Dir::Etc::{name}={value}")]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_mirror_is_found_in_one_line_sources(tmp_path: Path):
    found = mirrors("trixie-backports", said_of(tmp_path, a_list=ONE_LINE))
    assert set(found) == {"http://mirror.example.org/debian", "https://safe.example.org/deb"}


def test_mirror_is_found_in_deb822_sources_before_one_that_has_updates_only(tmp_path: Path):
    found = mirrors("trixie-backports", said_of(tmp_path, a_sources=DEB822))
    assert found == ("http://other.example.org/debian", SECURITY)


def test_mirror_that_has_the_suite_already_comes_first(tmp_path: Path):
    found = mirrors("bookworm-security", said_of(tmp_path, a_list=ONE_LINE, b_sources=DEB822))
    assert found[0] == SECURITY
    assert len(found) == 4


def test_mirror_list_of_apt_is_as_good_as_a_mirror(tmp_path: Path):
    line = "deb mirror+file:/lists/debian.list bookworm main\n"
    assert mirrors("trixie", said_of(tmp_path, a_list=line)) == ("mirror+file:/lists/debian.list",)


def test_sources_without_a_mirror_give_none(tmp_path: Path):
    assert mirrors("trixie", said_of(tmp_path, a_list="deb https://flat.example.org/repo ./\n")) == ()
    assert mirrors("trixie", "") == ()


# Answers as apt does, for the mirrors in the file `mirrors`; `missing-key` has it know no key but a fetched one.
APT = """#!/bin/sh
here=$(dirname "$0")
sources=$(for word; do case $word in Dir::Etc::sourcelist=*) echo "${word#*=}" ;; esac; done)
echo "$*" >>"$here/asked"
case "$*" in
*update*--print-uris*)
	for site in $(cat "$here/mirrors"); do
		echo "'$site/dists/bookworm/InRelease' x 0 "; echo "'$site/dists/bookworm/main/x/Packages.xz' x 0 "
	done ;;
*update*)
	[ -e "$here/offline" ] && { echo "E: Failed to fetch $(grep URIs "$sources")  Could not resolve"
		echo "E: Some index files failed to download."; exit 100; }
	if [ -e "$here/missing-key" ] && ! grep -q "Signed-By: .*/keyring/" "$sources"; then
		echo "W: GPG error: NO_PUBKEY 0E98404D386FA1D9"; echo "E: The repository is not signed."; exit 100
	fi
	grep -q "URIs: $(cat "$here/good")$" "$sources" || { echo "E: The repository does not have a Release file."
		echo "N: See apt-secure(8)"; exit 100; } ;;
*download*--print-uris*debian-archive-keyring*)
	echo "'http://mirror/k.deb' debian-archive-keyring_1_all.deb 10 SHA256:0123" ;;
*download*--print-uris*)
	[ -e "$here/no-package" ] && { echo "E: Unable to locate package linux-source-7.3" >&2; exit 100; }
	[ -e "$sources" ] || { echo "E: no sources" >&2; exit 100; }
	echo "'http://mirror/x.deb' linux-source-7.3_7.3.4-1_all.deb 10 SHA256:4567" ;;
*download*) [ -e "$here/offline" ] && { echo "E: Failed to fetch x.deb"; exit 100; }
	cp "$here/keys.deb" x.deb ;;
esac
"""
GOOD, OTHER = "http://a.example.org/debian", "http://b.example.org/debian"
SOURCE = AptSource("linux-source-7.3", "trixie-backports")


@pytest.fixture
def fake_apt(fake_tools: Path, cache_folder: Path) -> Path:
    cache_folder.mkdir()
    (fake_tools / "apt-get").write_text(APT)
    (fake_tools / "apt-get").chmod(0o755)
    (fake_tools / "mirrors").write_text(f"{OTHER}\n{GOOD}\n")
    (fake_tools / "good").write_text(GOOD)
    return fake_tools


def version() -> str:
    return find_source(Path("/"), SOURCE, "kernel mainline", silent).version


def updates(fake_apt: Path) -> int:
    return sum(
        " update" in f" {line}" and "--print" not in line for line in (fake_apt / "asked").read_text().splitlines()
    )


def sources_text(cache_folder: Path) -> str:
    return (cache_folder / "apt/suites/trixie-backports/suite.sources").read_text()


def test_first_mirror_that_has_the_suite_is_used_and_checked_against_the_archives_keys(fake_apt, cache_folder, keys):
    assert version() == "7.3.4-1"
    assert updates(fake_apt) == 2
    text = sources_text(cache_folder)
    assert f"URIs: {GOOD}\nSuites: trixie-backports\nComponents: main\nSigned-By: {keys}\n" in text


def test_apt_is_asked_with_a_state_of_its_own_and_no_hook_or_pin_of_the_system(fake_apt, cache_folder, keys):
    version()
    own = cache_folder / "apt/suites/trixie-backports"
    asked = [line for line in (fake_apt / "asked").read_text().splitlines() if str(own) in line]
    assert len(asked) == 3
    for line in asked:
        assert f"-c {own}/apt.conf" in line
        for option in ("Dir::State::lists", "Dir::State::status", "Dir::Etc::sourcelist", "Dir::Cache"):
            assert f"{option}={own}/" in line
        for option in ("sourceparts", "preferences", "preferencesparts"):
            assert f"Dir::Etc::{option}=/dev/null" in line
    assert "#clear APT::Update::Post-Invoke;" in (own / "apt.conf").read_text()


def test_list_of_the_suite_is_fetched_once_a_day(fake_apt, cache_folder, keys):
    version()
    version()
    assert updates(fake_apt) == 2
    stamp = cache_folder / "apt/suites/trixie-backports/updated"
    os.utime(stamp, (0, time.time() - 25 * 3600))
    version()
    assert updates(fake_apt) == 4


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's keyring."""
    path = tmp_path / "machine.gpg"
    path.touch()
    real = suite._found
    monkeypatch.setattr(suite, "_found", lambda root: iter([path]) if root == Path("/") else real(root))
    return path


def keyring_package(folder: Path) -> None:
    (folder / "pkg/DEBIAN").mkdir(parents=True)
    (folder / "pkg/DEBIAN/control").write_text(
        "Package: k\nVersion: 1\nArchitecture: all\nMaintainer: A\nDescription: k\n"
    )
    (folder / "pkg" / suite.KEYRINGS).mkdir(parents=True)
    (folder / "pkg" / suite.KEYRINGS / "debian-archive-keyring.gpg").write_text("newer keys")
    argv = ["dpkg-deb", "--root-owner-group", "-Znone", "-b", folder / "pkg", folder / "keys.deb"]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def test_keys_that_the_machine_lacks_are_taken_from_the_newer_keyring_package(fake_apt, cache_folder, keys):
    keyring_package(fake_apt)
    (fake_apt / "missing-key").touch()
    assert version() == "7.3.4-1"
    (line,) = [line for line in sources_text(cache_folder).splitlines() if line.startswith("Signed-By: ")]
    keyring = Path(line.removeprefix("Signed-By: "))
    assert keyring.is_relative_to(cache_folder / "keyring")
    assert keyring.read_text() == "newer keys"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("offline", f"of trixie-backports can't be had: Failed to fetch URIs: {OTHER}  Could not resolve"),
        ("no-package", "of trixie-backports can't be had: Unable to locate package linux-source-7.3"),
    ],
)
def test_suite_that_cannot_be_had_is_one_line_with_apts_own_reason(fake_apt, keys, state: str, reason: str):
    (fake_apt / state).touch()
    with pytest.raises(SourceUnavailable) as caught:
        version()
    assert str(caught.value) == f"kernel mainline: linux-source-7.3 {reason}"


def test_suite_that_no_mirror_has_any_more_is_told(fake_apt, keys):
    (fake_apt / "good").write_text("http://gone.example.org/debian")
    with pytest.raises(SourceUnavailable, match=r"can't be had: The repository does not have a Release file\.$"):
        version()


def test_host_without_a_mirror_is_told(fake_apt, keys):
    (fake_apt / "mirrors").write_text("")
    with pytest.raises(SourceUnavailable, match="the apt sources of this host name no mirror"):
        version()


def test_package_that_cannot_be_downloaded_is_a_source_that_cannot_be_had(fake_apt, keys, tmp_path: Path):
    source = find_source(Path("/"), SOURCE, "kernel mainline", silent)
    (fake_apt / "offline").touch()
    with pytest.raises(SourceUnavailable, match=r"^kernel mainline: linux-source-7.3 7.3.4-1 can't be had: Failed to"):
        source.place(tmp_path / "tree")


def test_cached_package_is_used_where_the_suite_is_gone(fake_apt, cache_folder, keys):
    keyring_package(fake_apt)  # any package serves
    state = partial(suite_state, SOURCE.suite)
    (package,) = apt.ask([SOURCE.package], "s", silent, state)
    apt.fetch(package, "s", silent, state)
    (cache_folder / "apt/suites/trixie-backports/updated").unlink()
    (fake_apt / "offline").touch()
    said = []
    again = find_source(Path("/"), SOURCE, "s", lambda step, now: said.append(now))
    assert again.key == package.key
    assert any("uses the cached linux-source-7.3 7.3.4-1" in now for now in said)
    with pytest.raises(BuildError):  # the machine's own apt was asked nothing, so its answers are none of the suite's
        apt.ask([SOURCE.package], "s", silent)
