# SPDX-License-Identifier: GPL-2.0-only
"""What the accelerator's proof boots: a kernel beyond doubt, and an initramfs whose init answers on the console.

An unpatched kernel serves if one is cached; else Debian's cloud kernel does, so that the accelerator is known before
the first build, which takes minutes. A kernel with patches may never boot, and would speak against the host.
"""

import json
from pathlib import Path

from testbed.build import apt, cache, process
from testbed.build.cpio import Archive
from testbed.build.guest import add_busybox
from testbed.build.progress import Progress, silent
from testbed.errors import BuildError

__all__ = ["proof_image"]

STEP = "accelerator"
META_PACKAGE = "linux-image-cloud-amd64"
# The answer is computed, so that the kernel's echo of its own command line is none.
INIT = b"""\
#!/bin/busybox sh
mount -t proc proc /proc
for word in $(cat /proc/cmdline); do
	case "$word" in
	testbed.proof=*) echo "TB-PROOF $((${word#*=} * 7 + 1))" >/dev/console ;;
	esac
done
sleep 1000
"""


def proof_image(progress: Progress = silent) -> tuple[Path, Path]:
    """Give (kernel, initramfs) for a proof, from the cache or from Debian's packages."""
    return _kernel(progress), _initramfs(progress)


def _kernel(progress: Progress) -> Path:
    facts = (cache.cache_root() / "kernel").glob("*/kernel.json")
    plain = [path.with_name("bzImage") for path in facts if json.loads(path.read_text())["patchset_hash"] is None]
    if plain:
        return min(plain, key=lambda path: path.stat().st_size)  # checkers make a kernel large, and slow
    version = cache.recorded("proof-kernel")
    known = cache.look_up("proof", version) if version else None
    if known:
        return known / "vmlinuz"
    (package,) = apt.ask([apt.dependency(META_PACKAGE, "linux-image-", STEP, progress)], STEP, progress)

    def make(entry: Path) -> None:
        deb = apt.fetch(package, STEP, progress)
        process.pipe(
            ["dpkg-deb", "--fsys-tarfile", deb],
            ["tar", "--extract", "--wildcards", f"--directory={entry}", "./boot/vmlinuz-*"],
        )
        found = next((entry / "boot").glob("vmlinuz-*"), None)
        if found is None:
            raise BuildError(f"{package.name} holds no /boot/vmlinuz-*")
        found.rename(entry / "vmlinuz")

    entry, _ = cache.get_or_make("proof", package.key, make)
    cache.record("proof-kernel", package.key)
    return entry / "vmlinuz"


def _initramfs(progress: Progress) -> Path:
    def make(entry: Path) -> None:
        (busybox,) = apt.ask(["busybox-static"], STEP, progress)
        with cache.work_folder() as work:
            archive = Archive()
            for folder in ("dev", "proc", "usr/bin"):
                archive.folder(folder)
            archive.link("bin", "usr/bin")
            archive.character_device("dev/console", 5, 1)
            add_busybox(archive, busybox, work, STEP, progress)
            archive.file("init", INIT, 0o755)
            archive.write(entry / "initramfs.cpio.gz")

    entry, _ = cache.get_or_make("proof", cache.key_of("initramfs", INIT.decode()), make)
    return entry / "initramfs.cpio.gz"
