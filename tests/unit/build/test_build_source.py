# SPDX-License-Identifier: GPL-2.0-only
import os
import subprocess
from pathlib import Path

import pytest

from testbed.build import apt
from testbed.build.progress import silent
from testbed.build.source import find_source
from testbed.errors import BuildError, SpecError
from testbed.spec import GitSource, TarballSource, TreeSource

GIT = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]


def test_tarball_with_another_sum_is_refused_and_not_kept(checkout, cache_folder: Path, tmp_path: Path):
    source = find_source(checkout.root, TarballSource(str(checkout.tarball), "0" * 64), "s", silent)
    with pytest.raises(BuildError, match=r"linux.tar: sha256 is [0-9a-f]{64}, the spec says 0000"):
        source.place(tmp_path / "tree")
    assert not list((cache_folder / "source").iterdir())


def test_tarball_is_fetched_from_an_address_and_only_once(checkout, tmp_path: Path):
    spec = TarballSource(checkout.tarball.as_uri(), checkout.kernel().source.sha256)
    said = []
    source = find_source(checkout.root, spec, "s", lambda step, now: said.append(now))
    source.place(tmp_path / "one")
    source.place(tmp_path / "two")
    assert (tmp_path / "two/kernel.c").read_text() == (checkout.tree / "kernel.c").read_text()
    assert len([now for now in said if now.startswith("download")]) == 1


def test_tarball_path_counts_from_the_checkout(checkout, tmp_path: Path):
    spec = TarballSource("linux.tar", checkout.kernel().source.sha256)
    find_source(checkout.root, spec, "s", silent).place(tmp_path / "one")
    assert (tmp_path / "one/Makefile").exists()


def test_archive_that_is_no_kernel_is_refused(checkout, tmp_path: Path):
    (checkout.tree / "Kconfig").unlink()
    checkout.pack()
    with pytest.raises(BuildError, match="no kernel source"):
        find_source(checkout.root, checkout.kernel().source, "s", silent).place(tmp_path / "one")


def test_git_source_is_the_commit_not_the_branch(checkout, tmp_path: Path):
    git = [*GIT, "-C", str(checkout.tree)]
    _commit(checkout.tree, "first")
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    (checkout.tree / "kernel.c").write_text("int later;\n")
    _commit(checkout.tree, "second")
    find_source(checkout.root, GitSource(str(checkout.tree), commit), "s", silent).place(tmp_path / "one")
    assert "int one;" in (tmp_path / "one/kernel.c").read_text()
    assert not (tmp_path / "one/.git").exists()


def test_tree_in_git_is_keyed_by_content_and_copied_without_build_output(checkout, tmp_path: Path):
    (checkout.tree / ".gitignore").write_text("*.o\n")
    _commit(checkout.tree, "first")

    def key() -> str:
        return find_source(checkout.root, TreeSource(checkout.tree), "s", silent).key

    before = key()
    (checkout.tree / "stale.o").touch()
    os.utime(checkout.tree / "kernel.c")
    assert key() == before
    (checkout.tree / "new.c").write_text("int new;\n")
    with_new = key()
    assert with_new != before
    (checkout.tree / "kernel.c").write_text("int other;\n")
    assert key() not in (before, with_new)

    find_source(checkout.root, TreeSource(checkout.tree), "s", silent).place(tmp_path / "copy")
    assert (tmp_path / "copy/new.c").exists()
    assert not (tmp_path / "copy/stale.o").exists()
    assert (tmp_path / "copy/kernel.c").stat().st_nlink == 1


def test_plain_tree_notices_an_edit(checkout):
    before = find_source(checkout.root, TreeSource(checkout.tree), "s", silent).key
    assert find_source(checkout.root, TreeSource(checkout.tree), "s", silent).key == before
    (checkout.tree / "kernel.c").write_text("int other;\n")
    assert find_source(checkout.root, TreeSource(checkout.tree), "s", silent).key != before


def test_folder_without_a_kernel_is_bad_input(tmp_path: Path):
    with pytest.raises(SpecError, match="no kernel source"):
        find_source(tmp_path, TreeSource(tmp_path), "s", silent)


APT = """#!/bin/sh
here=$(dirname "$0")
[ -e "$here/offline" ] && { echo "E: Temporary failure resolving" >&2; exit 100; }
version=$(cat "$here/version")
case "$*" in
*--print-uris*)
	sum=$(echo "$version" | sha256sum | cut -c1-64)
	echo "'http://mirror/x.deb' x_${version}_all.deb 10 SHA256:$sum" ;;
*download*) echo "$version" >"x_${version}_all.deb" ;;
esac
"""


@pytest.fixture
def fake_apt(fake_tools: Path) -> Path:
    (fake_tools / "apt-get").write_text(APT)
    (fake_tools / "apt-get").chmod(0o755)
    (fake_tools / "version").write_text("1%3a6.12.1-1~deb12u1\n")
    return fake_tools


def test_new_point_release_is_noticed(fake_apt: Path):
    (old,) = apt.ask(["x"], "s", silent)
    assert old.version == "1:6.12.1-1~deb12u1"
    deb = apt.fetch(old, "s", silent)
    assert apt.fetch(old, "s", silent) == deb
    (fake_apt / "version").write_text("6.12.2-1\n")
    (new,) = apt.ask(["x"], "s", silent)
    assert new.version == "6.12.2-1"
    assert new.key != old.key
    assert apt.fetch(new, "s", silent) != deb


def test_offline_host_uses_the_cached_package_and_says_so(fake_apt: Path):
    (old,) = apt.ask(["x"], "s", silent)
    apt.fetch(old, "s", silent)
    (fake_apt / "offline").touch()
    said = []
    assert apt.ask(["x"], "s", lambda step, now: said.append(now)) == (old,)
    assert any("Temporary failure resolving" in now and "1:6.12.1-1~deb12u1" in now for now in said)


def test_offline_host_with_nothing_cached_is_an_error(fake_apt: Path):
    (fake_apt / "offline").touch()
    with pytest.raises(BuildError, match="Temporary failure resolving"):
        apt.ask(["x"], "s", silent)


def _commit(tree: Path, message: str) -> None:
    if not (tree / ".git").exists():
        subprocess.run([*GIT, "-C", tree, "init", "-q"], check=True)
    subprocess.run([*GIT, "-C", tree, "add", "-A"], check=True)
    subprocess.run([*GIT, "-C", tree, "commit", "-q", "-m", message], check=True)
