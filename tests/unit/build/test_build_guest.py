# SPDX-License-Identifier: GPL-2.0-only
import gzip
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from debs import BUSYBOX, compile_, package

from testbed.build import guest
from testbed.errors import BuildError, SpecError
from testbed.spec import GuestSpec, Script

pytestmark = pytest.mark.usefixtures("fake_apt")


@pytest.mark.usefixtures("cpio")
def test_guest_is_built_once_and_guests_that_differ_in_size_share_it(guest_root: Path):
    small = guest.build_guest(guest_root, _spec())
    assert not small.cached
    big = guest.build_guest(guest_root, GuestSpec("big", 8 << 30, 4, 5, (), "big.yaml:1"))
    assert big.cached
    assert (big.name, big.initramfs) == ("big", small.initramfs)
    assert _listing(small) >= {"init", "dev/console", "workloads/quiet", "usr/bin/busybox", "usr/bin/sh", "bin", "tmp"}


def test_edit_of_a_header_makes_another_guest(guest_root: Path):
    before = guest.build_guest(guest_root, _spec())
    (guest_root / "guests/workloads/tb.h").write_text("#define ANSWER 1\n")
    assert guest.build_guest(guest_root, _spec()).key != before.key


def test_workload_that_does_not_compile_is_named(guest_root: Path):
    (guest_root / "guests/workloads/broken.c").write_text("int main(void) { return nothing; }\n")
    with pytest.raises(BuildError, match=r"broken\.c:1:25: error"):
        guest.build_guest(guest_root, _spec())


def test_guest_without_an_agent_is_bad_input(guest_root: Path):
    (guest_root / "guests/agent/main.c").unlink()
    with pytest.raises(SpecError, match="nothing to be init"):
        guest.build_guest(guest_root, _spec())


@pytest.mark.usefixtures("cpio")
def test_packages_bring_their_libraries_and_what_those_need(guest_root: Path, fake_apt: Path, tmp_path: Path):
    (fake_apt / "offline").unlink()
    package(fake_apt, tmp_path, "busybox-static", "bin/busybox", BUSYBOX, "-static")
    cosine = "#include <math.h>\ndouble f(double x) { return cos(x); }\n"
    options = ("-shared", "-fPIC", "-Wl,--no-as-needed", "-lm")
    package(fake_apt, tmp_path, "libf1", "lib/x86_64-linux-gnu/libf.so.1", cosine, *options)
    image = guest.build_guest(guest_root, _spec("libf1"))
    libraries = "usr/lib/x86_64-linux-gnu"
    wanted = {f"{libraries}/{name}" for name in ("libf.so.1", "libm.so.6", "libc.so.6")}
    assert _listing(image) >= {*wanted, "lib64/ld-linux-x86-64.so.2", "lib", "usr/bin/busybox"}
    assert guest.build_guest(guest_root, _spec("libf1")).cached


def test_library_that_is_nowhere_is_named(guest_root: Path, fake_apt: Path, tmp_path: Path):
    (fake_apt / "offline").unlink()
    package(fake_apt, tmp_path, "busybox-static", "bin/busybox", BUSYBOX, "-static")
    lost = compile_(tmp_path / "liblost.so", "int g;\n", "-shared", "-Wl,-soname,liblost.so.3")
    options = ("-shared", "-fPIC", "-Wl,--no-as-needed", str(lost))
    package(fake_apt, tmp_path, "libf1", "lib/x86_64-linux-gnu/libf.so.1", "int f;\n", *options)
    with pytest.raises(BuildError, match=r"libf\.so\.1 needs liblost\.so\.3: add its package"):
        guest.build_guest(guest_root, _spec("libf1"))


def _spec(*packages: str) -> GuestSpec:
    return GuestSpec("minimal", 1 << 30, 1, 4, packages, "minimal.yaml:1")


def _listing(image: guest.GuestImage) -> set[str]:
    archive = gzip.decompress(image.initramfs.read_bytes())
    said = subprocess.run(["cpio", "-t", "--quiet"], input=archive, capture_output=True, check=True)
    return set(said.stdout.decode().split())


@pytest.fixture
def own(guest_root: Path, tmp_path: Path) -> Path:
    """A program that a bug file brings, with a header beside it."""
    program = tmp_path / "bugs" / "own.c"
    program.parent.mkdir()
    program.write_text('#include "own.h"\n#include "tb.h"\nint main(void) { return OWN + ANSWER; }\n')
    program.with_name("own.h").write_text("#define OWN 0\n")
    marks = guest_root / "guests/shell/tb-mark.c"
    marks.parent.mkdir()
    marks.write_text('#include "tb.h"\nint main(void) { return ANSWER; }\n')
    return program


@pytest.mark.usefixtures("cpio")
def test_a_bugs_program_is_in_its_own_guest_alone(guest_root: Path, own: Path):
    plain = guest.build_guest(guest_root, _spec())
    image = guest.build_guest(guest_root, replace(_spec(), programs=(own,)))
    assert _listing(image) - _listing(plain) == {"workloads/own"}
    assert guest.guest_path(guest_root, _spec()) == plain.initramfs
    assert guest.guest_path(guest_root, replace(_spec(), programs=(own,))) == image.initramfs


@pytest.mark.usefixtures("cpio")
def test_a_script_comes_with_what_marks_phases(guest_root: Path, own: Path):
    plain = guest.build_guest(guest_root, _spec())
    image = guest.build_guest(guest_root, replace(_spec(), programs=(Script("own.sh", "tb-phase start\n"),)))
    assert _listing(image) - _listing(plain) == {"workloads/own.sh", "usr/bin/tb-phase", "usr/bin/tb-value"}


@pytest.mark.parametrize("edited", ["own.c", "own.h"])
def test_edit_of_a_bugs_program_or_of_its_header_makes_another_guest(guest_root: Path, own: Path, edited: str):
    spec = replace(_spec(), programs=(own,))
    before = guest.guest_path(guest_root, spec)
    with own.with_name(edited).open("a") as file:
        file.write("/* other */\n")
    assert guest.guest_path(guest_root, spec) != before


def test_edit_of_a_script_makes_another_guest(guest_root: Path, own: Path):
    first, second = (replace(_spec(), programs=(Script("own.sh", text),)) for text in ("true\n", "false\n"))
    assert guest.guest_path(guest_root, first) != guest.guest_path(guest_root, second)


def test_a_bugs_program_that_does_not_compile_is_named(guest_root: Path, own: Path):
    own.write_text("int main(void) { return nothing; }\n")
    with pytest.raises(BuildError, match=r"own\.c:1:25: error"):
        guest.build_guest(guest_root, replace(_spec(), programs=(own,)))


def test_a_bugs_program_that_has_gone_is_bad_input(guest_root: Path, own: Path):
    own.unlink()
    with pytest.raises(SpecError, match=r"own\.c: no such file"):
        guest.guest_path(guest_root, replace(_spec(), programs=(own,)))
