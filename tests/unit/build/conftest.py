# SPDX-License-Identifier: GPL-2.0-only
"""A cache of its own for each test, and a kernel source that builds in no time."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from debs import APT, BUSYBOX, compile_

from testbed.build import guest
from testbed.spec import KernelSpec, TarballSource

# Grants what Kconfig lists, and tells in `made` each time that it compiles. A .c file becomes "vmlinux".
MAKEFILE = """\
allnoconfig:
\t@while read -r line; do grep -q "^config $$(echo $${line%%=*} | sed s/CONFIG_//)$$" Kconfig && echo "$$line"; done \\
\t\t<$(KCONFIG_ALLCONFIG) >.config; true
bzImage vmlinux: kernel.o
kernel.o:
\t@echo '  CC      kernel.o'; echo compiled >>$(TB_MADE)
\t@gcc -Wl,--build-id -nostdlib -shared -o vmlinux kernel.c
\t@mkdir -p arch/x86/boot include/config; cp vmlinux arch/x86/boot/bzImage; touch System.map kernel.o
\t@echo 6.12.0 >include/config/kernel.release
"""
FILES = {
    "Makefile": MAKEFILE,
    "Kconfig": "config ALPHA\nconfig BETA\n",
    "kernel.c": "int one;\nint two;\nint three;\nint four;\nint five;\nint six;\nint seven;\n",
    "scripts/checkpatch.pl": (
        'open(my $f, "<", $ARGV[-1]); my @t = <$f>;\n'
        'if (grep(/ugly/, @t)) { print "WARNING: ugly\\n"; exit 1; }\n'
        'print "has no obvious style problems and is ready for submission.\\n";\n'
    ),
}


def patch_text(old: str, new: str, subject: str = "change a line", before: str = "int one;") -> str:
    """A patch to kernel.c in the form that git writes."""
    return (
        "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
        "From: A Developer <dev@example.org>\nDate: Sun, 1 Nov 2026 12:00:00 +0100\n"
        f"Subject: [PATCH] {subject}\n\nThe reason.\n\nSigned-off-by: A Developer <dev@example.org>\n---\n"
        f" kernel.c | 2 +-\n\ndiff --git a/kernel.c b/kernel.c\n--- a/kernel.c\n+++ b/kernel.c\n"
        f"@@ -1,3 +1,3 @@\n {before}\n-{old}\n+{new}\n int three;\n"
    )


class Checkout:
    """A checkout with one kernel; tests write its series and fragments."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made = root / "made"
        self.tree = root / "src" / "linux"
        for name, text in FILES.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("$(TB_MADE)", str(self.made)))
        self.tarball = root / "linux.tar"
        self.pack()
        (root / "kernel/config").mkdir(parents=True)

    def pack(self) -> None:
        argv = ["tar", "--sort=name", "-c", "-f", self.tarball, "-C", self.tree.parent, "linux"]
        subprocess.run(argv, check=True)

    @property
    def compiled(self) -> int:
        return len(self.made.read_text().splitlines()) if self.made.exists() else 0

    def fragment(self, name: str, text: str) -> Path:
        path = self.root / "kernel/config" / f"{name}.config"
        path.write_text(text)
        return path

    line = staticmethod(patch_text)

    def series(self, name: str, **patches: str) -> None:
        folder = self.root / "kernel/series" / name
        folder.mkdir(parents=True, exist_ok=True)
        for stem, text in patches.items():
            (folder / f"{stem}.patch").write_text(text)
        (folder / "series").write_text("".join(f"{stem}.patch\n" for stem in patches))

    def kernel(self, series: str | None = None, *fragments: Path) -> KernelSpec:
        digest = hashlib.sha256(self.tarball.read_bytes()).hexdigest()
        source = TarballSource(str(self.tarball), digest)
        return KernelSpec("small", source, series, fragments, "a test", "kernels.yaml:1")


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("TESTBED_CACHE", str(folder))
    monkeypatch.setenv("CCACHE_DISABLE", "1")
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


@pytest.fixture
def fake_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of PATH, for tools that answer as a test wants."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def cpio() -> None:
    """A second opinion on archives, from the tool that they are named after."""
    if shutil.which("cpio") is None:
        pytest.skip("cpio is not installed; mend with: apt-get install cpio")


@pytest.fixture
def work_is_empty(cache_folder: Path) -> Callable[[], bool]:
    """Whether the cache holds no work folder; they go in the background, so it waits a little."""

    def empty() -> bool:
        for _ in range(100):
            if not list((cache_folder / "work").iterdir()):
                return True
            time.sleep(0.05)
        return False

    return empty


@pytest.fixture
def fake_apt(fake_tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what apt offers; it is offline while a file says so. The host's busybox is a small one."""
    (fake_tools / "apt-get").write_text(APT)
    (fake_tools / "apt-get").chmod(0o755)
    (fake_tools / "offline").touch()
    busybox = compile_(tmp_path / "busybox", BUSYBOX, "-static")
    monkeypatch.setattr(guest, "_host_busybox", lambda: busybox)
    return fake_tools


@pytest.fixture
def guest_root(tmp_path: Path) -> Path:
    """A checkout with an agent and a workload."""
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
