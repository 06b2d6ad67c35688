# SPDX-License-Identifier: GPL-2.0-only
import gzip
import subprocess
from pathlib import Path

import pytest

from testbed.build import guest
from testbed.errors import BuildError, SpecError
from testbed.spec import GuestSpec

BUSYBOX = '#include <stdio.h>\nint main(void) { puts("sh\\nls"); return 0; }\n'
APT = """\
#!/bin/sh
here=$(dirname "$0")
[ -e "$here/offline" ] && exit 100
case "$*" in
*--print-uris*)
\tfor deb in "$here"/*.deb; do
\t\techo "'http://mirror/x' $(basename $deb) 10 SHA256:$(sha256sum <$deb | cut -c1-64)"
\tdone ;;
*) for word; do :; done; cp "$here/${word%%=*}"_*.deb . ;;
esac
"""


@pytest.fixture(autouse=True)
def fake_apt(fake_tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (fake_tools / "apt-get").write_text(APT)
    (fake_tools / "apt-get").chmod(0o755)
    (fake_tools / "offline").touch()
    busybox = _compile(tmp_path / "busybox", BUSYBOX, "-static")
    monkeypatch.setattr(guest, "_host_busybox", lambda: busybox)
    return fake_tools


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    for name, text in {
        "agent/main.c": "int main(void) { return 0; }\n",
        "workloads/tb.h": "#define ANSWER 0\n",
        "workloads/quiet.c": '#include "tb.h"\nint main(void) { return ANSWER; }\n',
    }.items():
        path = root / "guests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.usefixtures("cpio")
def test_guest_is_built_once_and_guests_that_differ_in_size_share_it(root: Path):
    small = guest.build_guest(root, _spec())
    assert not small.cached
    big = guest.build_guest(root, GuestSpec("big", 8 << 30, 4, 5, (), "big.yaml:1"))
    assert big.cached
    assert (big.name, big.initramfs) == ("big", small.initramfs)
    assert _listing(small) >= {"init", "dev/console", "workloads/quiet", "usr/bin/busybox", "usr/bin/sh", "bin", "tmp"}


def test_edit_of_a_header_makes_another_guest(root: Path):
    before = guest.build_guest(root, _spec())
    (root / "guests/workloads/tb.h").write_text("#define ANSWER 1\n")
    assert guest.build_guest(root, _spec()).key != before.key


def test_workload_that_does_not_compile_is_named(root: Path):
    (root / "guests/workloads/broken.c").write_text("int main(void) { return nothing; }\n")
    with pytest.raises(BuildError, match=r"broken\.c:1:25: error"):
        guest.build_guest(root, _spec())


def test_guest_without_an_agent_is_bad_input(root: Path):
    (root / "guests/agent/main.c").unlink()
    with pytest.raises(SpecError, match="nothing to be init"):
        guest.build_guest(root, _spec())


@pytest.mark.usefixtures("cpio")
def test_packages_bring_their_libraries_and_what_those_need(root: Path, fake_apt: Path, tmp_path: Path):
    (fake_apt / "offline").unlink()
    _package(fake_apt, tmp_path, "busybox-static", "bin/busybox", BUSYBOX, "-static")
    cosine = "#include <math.h>\ndouble f(double x) { return cos(x); }\n"
    options = ("-shared", "-fPIC", "-Wl,--no-as-needed", "-lm")
    _package(fake_apt, tmp_path, "libf1", "lib/x86_64-linux-gnu/libf.so.1", cosine, *options)
    image = guest.build_guest(root, _spec("libf1"))
    libraries = "usr/lib/x86_64-linux-gnu"
    wanted = {f"{libraries}/{name}" for name in ("libf.so.1", "libm.so.6", "libc.so.6")}
    assert _listing(image) >= {*wanted, "lib64/ld-linux-x86-64.so.2", "lib", "usr/bin/busybox"}
    assert guest.build_guest(root, _spec("libf1")).cached


def test_library_that_is_nowhere_is_named(root: Path, fake_apt: Path, tmp_path: Path):
    (fake_apt / "offline").unlink()
    _package(fake_apt, tmp_path, "busybox-static", "bin/busybox", BUSYBOX, "-static")
    lost = _compile(tmp_path / "liblost.so", "int g;\n", "-shared", "-Wl,-soname,liblost.so.3")
    options = ("-shared", "-fPIC", "-Wl,--no-as-needed", str(lost))
    _package(fake_apt, tmp_path, "libf1", "lib/x86_64-linux-gnu/libf.so.1", "int f;\n", *options)
    with pytest.raises(BuildError, match=r"libf\.so\.1 needs liblost\.so\.3: add its package"):
        guest.build_guest(root, _spec("libf1"))


def _spec(*packages: str) -> GuestSpec:
    return GuestSpec("minimal", 1 << 30, 1, 4, packages, "minimal.yaml:1")


def _listing(image: guest.GuestImage) -> set[str]:
    archive = gzip.decompress(image.initramfs.read_bytes())
    said = subprocess.run(["cpio", "-t", "--quiet"], input=archive, capture_output=True, check=True)
    return set(said.stdout.decode().split())


def _compile(target: Path, text: str, *options: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    source = target.with_name(f"{target.name}.c")
    source.write_text(text)
    libraries = [option for option in options if option.startswith("-l") or option.startswith("/")]
    others = [option for option in options if option not in libraries]
    subprocess.run(["gcc", *others, "-o", target, source, *libraries], check=True)
    source.unlink()
    return target


def _package(repository: Path, scratch: Path, name: str, file: str, text: str, *options: str) -> None:
    folder = scratch / name
    _compile(folder / file, text, *options)
    (folder / "DEBIAN").mkdir()
    control = f"Package: {name}\nVersion: 1.0\nArchitecture: amd64\nMaintainer: A <a@example.org>\nDescription: x\n"
    (folder / "DEBIAN/control").write_text(control)
    target = repository / f"{name}_1.0_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", folder, target], check=True, capture_output=True)
