# SPDX-License-Identifier: GPL-2.0-only
"""A guest image: one initramfs with the agent as init, workloads, busybox, files of Debian packages, selftests."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testbed.build import apt, cache, process
from testbed.build.cpio import Archive
from testbed.build.libraries import INTERPRETER, TARGET, find_library, is_elf, is_static, needed_libraries
from testbed.build.ownprograms import make_programs, programs_key
from testbed.build.progress import Progress, silent
from testbed.build.recipe import compiler_identity
from testbed.build.selftests import UNCOMPILED, SelftestsRecipe, build_selftests, selftests_recipe
from testbed.errors import BuildError, HostError, SpecError
from testbed.spec import GuestSpec, Program

__all__ = ["GuestImage", "add_busybox", "build_guest"]

#: Raised when the image is put together in another way, so that an old one is not taken for a new one.
WAY = 2
HOST = Path("/")
INITRAMFS = "initramfs.cpio.gz"
_FLAGS = ("-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-pthread")
#: What of a package a guest has no use for.
_LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/lintian/", "usr/share/locale/", "usr/share/bug/")
_MERGED = ("bin", "sbin", "lib")
#: The C library loads it by name where a thread is cancelled: no program says that it needs it.
_LOADED_LATE = "libgcc_s.so.1"


@dataclass(frozen=True)
class GuestImage:
    """A built guest; ``cached`` tells whether it was there before it was asked for.

    ``uncompiled`` has the selftests that could not be compiled, as FOLDER/NAME, and what the compiler said.
    """

    name: str
    initramfs: Path
    key: str
    cached: bool
    uncompiled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Parts:
    """What goes into an image."""

    agent: tuple[Path, ...]
    workloads: tuple[Path, ...]
    headers: tuple[Path, ...]
    packages: tuple[apt.Package, ...]
    busybox: apt.Package | None  # None: the host's
    selftests: SelftestsRecipe | None = None
    own: tuple[Program, ...] = ()

    @property
    def dynamic(self) -> bool:
        return bool(self.packages) or self.selftests is not None


def build_guest(root: Path, spec: GuestSpec, progress: Progress = silent) -> GuestImage:
    """The image of a guest, from the cache or built; guests that differ in size alone share one."""
    step = f"guest {spec.name}"
    parts = _parts(root, spec, step, progress)
    key = _key(root, parts)

    def make(entry: Path) -> None:
        with cache.work_folder() as work:
            archive = Archive()
            _add_skeleton(archive)
            roots = [HOST]
            if parts.packages:
                unpacked = work / "packages"
                _unpack(parts.packages, unpacked, step, progress)
                roots.insert(0, unpacked)
            programs = _compile(root, parts, work, spec.name, step, progress)
            if parts.selftests:
                built = build_selftests(parts.selftests, step, progress)
                programs |= {f"selftests/{name}": path for name, path in built.programs().items()}
                (entry / UNCOMPILED).write_text(json.dumps(dict(built.uncompiled)) + "\n")
            add_busybox(archive, parts.busybox, work, step, progress)
            _add_programs(archive, programs, parts, roots)
            progress(step, "write initramfs")
            archive.write(entry / INITRAMFS)

    waiting = "waits for another build of the same guest"
    entry, cached = cache.get_or_make("guest", key, make, lambda: progress(step, waiting))
    progress(step, "cached" if cached else "built")
    lacking = entry / UNCOMPILED
    uncompiled = json.loads(lacking.read_text()) if lacking.is_file() else {}
    return GuestImage(spec.name, entry / INITRAMFS, key, cached, uncompiled)


def guest_path(root: Path, spec: GuestSpec, progress: Progress = silent) -> Path:
    """Where the initramfs of a guest is, or will be once it is built."""
    key = _key(root, _parts(root, spec, f"guest {spec.name}", progress))
    return cache.cache_root() / "guest" / key / INITRAMFS


def _parts(root: Path, spec: GuestSpec, step: str, progress: Progress) -> _Parts:
    guests = root / "guests"
    agent = tuple(sorted((guests / "agent").glob("*.c")))
    if not agent:
        raise SpecError(f"{guests / 'agent'}: no C file, so there is nothing to be init")
    workloads = tuple(sorted((guests / "workloads").glob("*.c")))
    headers = tuple(sorted([*(guests / "agent").glob("*.h"), *(guests / "workloads").glob("*.h")]))
    selftests = selftests_recipe(root, spec.selftests, step, progress) if spec.selftests else None
    try:
        busybox, *packages = apt.ask(["busybox-static", *spec.packages], step, progress)
    except (BuildError, HostError):
        host = _host_busybox()
        if spec.packages or selftests or not host.is_file() or not is_static(host):
            raise
        return _Parts(agent, workloads, headers, (), None, own=spec.programs)
    return _Parts(agent, workloads, headers, tuple(packages), busybox, selftests, spec.programs)


def _key(root: Path, parts: _Parts) -> str:
    """Content of sources and packages, the compiler, and the host's C library where it goes into the image."""
    sources = [[path.name, _sum(path)] for path in (*parts.agent, *parts.workloads, *parts.headers)]
    packages = [package.key for package in parts.packages]
    busybox = parts.busybox.key if parts.busybox else _sum(_host_busybox())
    libraries = []
    if parts.dynamic:
        for name in ("ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"):
            path = find_library(name, [HOST])
            libraries.append([name, _sum(path) if path else None])
    more = [*([parts.selftests.key] if parts.selftests else []), *programs_key(root, parts.own)]
    return cache.key_of(WAY, sources, packages, busybox, libraries, compiler_identity(), *more)


def _compile(root: Path, parts: _Parts, work: Path, name: str, step: str, progress: Progress) -> dict[str, Path]:
    """Where in the image each program goes, and where it is now."""
    log = cache.cache_root() / "logs" / f"guest-{name}.log"
    log.unlink(missing_ok=True)
    flags = [*_FLAGS, f"-ffile-prefix-map={root}=."]
    linkage = [] if parts.dynamic else ["-static"]
    made = {"init": work / "init"}
    progress(step, "compile agent")
    process.run(["gcc", *flags, "-static", "-o", made["init"], *parts.agent], log)
    for number, source in enumerate(parts.workloads, start=1):
        progress(step, f"compile workloads {number}/{len(parts.workloads)}")
        target = work / f"workload-{source.stem}"
        process.run(["gcc", *flags, *linkage, "-o", target, source], log)
        made[f"workloads/{source.stem}"] = target
    if parts.own:
        progress(step, "compile the bug's own")
    return made | make_programs(root, parts.own, work, flags, linkage, log)


def _add_skeleton(archive: Archive) -> None:
    for folder in ("dev", "proc", "sys", "run", "root", "etc", "workloads", "usr/bin", "usr/sbin", TARGET):
        archive.folder(folder)
    archive.folder("tmp", 0o1777)
    for name in _MERGED:
        archive.link(name, f"usr/{name}")
    archive.character_device("dev/console", 5, 1)  # init's stdin, stdout and stderr, before anything is mounted
    archive.character_device("dev/null", 1, 3, 0o666)
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\n")


def _add_programs(archive: Archive, programs: dict[str, Path], parts: _Parts, roots: Sequence[Path]) -> None:
    for name, path in programs.items():
        archive.file(name, path.read_bytes(), 0o755)
    if not parts.dynamic:
        return
    packaged = list(_package_files(roots[0])) if parts.packages else []
    for name, path in packaged:
        if path.is_symlink():
            archive.link(name, str(path.readlink()))
        else:
            archive.file(name, path.read_bytes(), path.stat().st_mode & 0o7777)
    elves = [path for _, path in packaged if not path.is_symlink() and is_elf(path)]
    compiled = [path for path in programs.values() if is_elf(path)]
    libraries = needed_libraries([*compiled, *elves], roots)
    late = find_library(_LOADED_LATE, roots)
    if late is not None:
        libraries[_LOADED_LATE] = late
    for name, path in sorted(libraries.items()):
        if name != Path(INTERPRETER).name and f"{TARGET}/{name}" not in archive:
            archive.file(f"{TARGET}/{name}", path.read_bytes(), 0o755)
    linker = find_library(Path(INTERPRETER).name, roots)
    if linker is None:
        raise BuildError(f"the host has no /{INTERPRETER}")
    archive.file(INTERPRETER, linker.read_bytes(), 0o755)


def _package_files(unpacked: Path) -> Iterable[tuple[str, Path]]:
    """The files of the packages and where they go, with ``/lib`` and its like below ``/usr``."""
    for path in sorted(unpacked.rglob("*")):
        name = str(path.relative_to(unpacked))
        if name.startswith(_LEFT_OUT) or (path.is_dir() and not path.is_symlink()):
            continue
        yield (f"usr/{name}" if name.split("/")[0] in _MERGED else name), path


def add_busybox(archive: Archive, package: apt.Package | None, work: Path, step: str, progress: Progress) -> None:
    """Put busybox and a link for each of its applets into ``/usr/bin``; without a package the host's."""
    busybox = _host_busybox()
    if package:
        unpacked = work / "busybox"
        _unpack([package], unpacked, step, progress)
        (busybox,) = (path for path in unpacked.rglob("busybox") if path.is_file() and is_elf(path))
    archive.file("usr/bin/busybox", busybox.read_bytes(), 0o755)
    for applet in process.capture([busybox, "--list"]).split():
        if applet != "busybox":
            archive.link(f"usr/bin/{applet}", "busybox")


def _host_busybox() -> Path:
    return HOST / "bin/busybox"


def _unpack(packages: Sequence[apt.Package], target: Path, step: str, progress: Progress) -> None:
    target.mkdir()
    for package in packages:
        process.capture(["dpkg-deb", "-x", apt.fetch(package, step, progress), target])


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
