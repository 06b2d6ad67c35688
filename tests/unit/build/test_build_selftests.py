# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own tests: compiled by their Makefile, kept by content, and what does not compile is told."""

import dataclasses
import gzip
import subprocess
from pathlib import Path

import pytest
from debs import BUSYBOX, compile_, pack, package

from testbed.build import guest
from testbed.build.selftests import uncompiled
from testbed.errors import BuildError
from testbed.spec import GuestSpec, Selftests

MAKEFILE = """\
ALL := good broken
all: $(ALL)
good: good.c
\t@gcc -o $@ $< -lnuma -luring
broken: broken.c
\t@gcc -o $@ $<
"""
SOURCES = {
    "tools/testing/selftests/mm/Makefile": MAKEFILE,
    "tools/testing/selftests/mm/good.c": "int libnuma(void);\nint main(void) { return libnuma(); }\n",
    "tools/testing/selftests/mm/broken.c": "int main(void) { return KSFT_SKIP; }\n",
    "tools/testing/selftests/mm/run.sh": "#!/bin/sh\n",
}


@pytest.fixture
def offered(fake_apt: Path, tmp_path: Path) -> None:
    """What apt has: busybox, and the static libraries that tests are linked with, each beside a link to no library."""
    (fake_apt / "offline").unlink()
    package(fake_apt, tmp_path, "busybox-static", "bin/busybox", BUSYBOX, "-static")
    for library in ("libcap", "libnuma", "liburing"):
        folder = tmp_path / f"{library}-dev/usr/lib/x86_64-linux-gnu"
        compile_(folder / "n.o", f"int {library}(void) {{ return 0; }}\n", "-c")
        subprocess.run(["ar", "rc", folder / f"{library}.a", folder / "n.o"], check=True)
        (folder / f"{library}.so").symlink_to("/nowhere.so.1")
        pack(fake_apt, tmp_path / f"{library}-dev")


@pytest.fixture
def spec(checkout) -> GuestSpec:
    for name, text in SOURCES.items():
        path = checkout.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (checkout.tree / "tools/testing/selftests/mm/run.sh").chmod(0o755)
    (checkout.tree / "Makefile").write_text("headers:\n\t@true\n")
    checkout.pack()
    selftests = Selftests(checkout.kernel().source, None, ("mm",))
    return GuestSpec("tests", 1 << 30, 1, 4, (), "tests.yaml:1", selftests)


@pytest.mark.usefixtures("offered")
def test_programs_are_in_the_guest_and_those_that_do_not_compile_are_told(spec: GuestSpec, guest_root: Path):
    image = guest.build_guest(guest_root, spec)
    names = gzip.decompress(image.initramfs.read_bytes())  # each ends in a zero byte
    for name in (b"selftests/mm/good", b"lib64/ld-linux-x86-64.so.2", b"usr/lib/x86_64-linux-gnu/libc.so.6"):
        assert b"%s\0" % name in names
    assert b"selftests/mm/broken\0" not in names
    assert b"selftests/mm/run.sh\0" not in names
    assert list(image.uncompiled) == ["mm/broken"]
    assert "KSFT_SKIP" in image.uncompiled["mm/broken"]


@pytest.mark.usefixtures("offered")
def test_image_from_the_cache_still_knows_what_it_lacks(spec: GuestSpec, guest_root: Path):
    first = guest.build_guest(guest_root, spec)
    again = guest.build_guest(guest_root, spec)
    assert (again.cached, again.uncompiled) == (True, first.uncompiled)


@pytest.mark.usefixtures("offered")
def test_edit_of_a_test_makes_another_guest(spec: GuestSpec, guest_root: Path, checkout):
    before = guest.guest_path(guest_root, spec)
    (checkout.tree / "tools/testing/selftests/mm/good.c").write_text("int main(void) { return 0; }\n")
    checkout.pack()
    selftests = Selftests(checkout.kernel().source, None, ("mm",))
    assert guest.guest_path(guest_root, dataclasses.replace(spec, selftests=selftests)) != before


@pytest.mark.usefixtures("offered")
def test_folder_of_which_nothing_compiles_ends_the_build(spec: GuestSpec, guest_root: Path, checkout):
    (checkout.tree / "tools/testing/selftests/mm/Makefile").write_text("all: broken\nbroken: broken.c\n\t@gcc $<\n")
    checkout.pack()
    selftests = Selftests(checkout.kernel().source, None, ("mm",))
    with pytest.raises(BuildError, match="no program of mm could be compiled"):
        guest.build_guest(guest_root, dataclasses.replace(spec, selftests=selftests))


@pytest.mark.usefixtures("offered")
def test_folder_that_the_source_lacks_is_named(spec: GuestSpec, guest_root: Path, checkout):
    selftests = Selftests(checkout.kernel().source, None, ("nn",))
    with pytest.raises(BuildError, match="the source has no tools/testing/selftests/nn"):
        guest.build_guest(guest_root, dataclasses.replace(spec, selftests=selftests))


def test_what_make_gave_up_has_the_first_error_that_stood_before():
    said = """\
  CC       cow
khugepaged.c:1195:24: error: 'KSFT_SKIP' undeclared (first use in this function)
khugepaged.c:1196:2: error: another
make: *** [../lib.mk:222: /build/tools/testing/selftests/mm/khugepaged] Error 1
/usr/bin/ld: cannot find -lnuma: No such file or directory
collect2: error: ld returned 1 exit status
make[1]: *** [Makefile:9: migration] Error 1
make: Target 'all' not remade because of errors.
"""
    assert uncompiled(said) == {
        "khugepaged": "khugepaged.c:1195:24: error: 'KSFT_SKIP' undeclared (first use in this function)",
        "migration": "/usr/bin/ld: cannot find -lnuma: No such file or directory",
    }
