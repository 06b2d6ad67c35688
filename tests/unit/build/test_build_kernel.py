# SPDX-License-Identifier: GPL-2.0-only
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testbed.build.kernel import build_kernel
from testbed.build.series import patchset_hash, read_series
from testbed.build.verify import verify_kernel
from testbed.errors import BuildError, MachineError


def test_kernel_is_built_once_and_then_cached(checkout):
    spec = checkout.kernel(None, checkout.fragment("base", "CONFIG_ALPHA=y\n"))
    first = build_kernel(checkout.root, spec)
    assert not first.cached
    assert first.release == "6.12.0"
    assert first.patchset_hash is None
    assert len(first.build_id) == 40
    assert first.config.read_text() == "CONFIG_ALPHA=y\n"
    assert sorted(path.name for path in first.path.iterdir()) == [
        "System.map",
        "bzImage",
        "config",
        "config.requested",
        "kernel.json",
        "patches",
        "vmlinux",
    ]
    second = build_kernel(checkout.root, spec)
    assert second.cached
    assert second.path == first.path
    assert checkout.compiled == 1


def test_progress_tells_how_many_files_it_took_last_time(checkout):
    fragment = checkout.fragment("base", "CONFIG_ALPHA=y\n")
    said = []
    build_kernel(checkout.root, checkout.kernel(None, fragment), lambda step, now: said.append((step, now)))
    assert ("kernel small", "compile 1") in said
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int ii;")})
    build_kernel(checkout.root, checkout.kernel("fix", fragment), lambda step, now: said.append((step, now)))
    assert ("kernel small", "compile 1/1") in said
    assert said[-1] == ("kernel small", "built: 6.12.0")


def test_each_ingredient_makes_another_kernel(checkout):
    base = checkout.fragment("base", "CONFIG_ALPHA=y\n")
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int ii;")})
    plain = build_kernel(checkout.root, checkout.kernel(None, base))
    patched = build_kernel(checkout.root, checkout.kernel("fix", base))
    flavoured = build_kernel(checkout.root, checkout.kernel(None, base, checkout.fragment("debug", "CONFIG_BETA=y\n")))
    assert len({plain.path, patched.path, flavoured.path}) == 3
    assert patched.patchset_hash == patchset_hash(read_series(checkout.root, "fix"))
    assert plain.config_hash != flavoured.config_hash
    assert [path.name for path in (patched.path / "patches").iterdir()] == ["0001-a.patch"]


def test_dropped_option_stops_the_build_before_it_compiles(checkout, cache_folder: Path):
    spec = checkout.kernel(None, checkout.fragment("base", "CONFIG_ALPHA=y\nCONFIG_GONE=y\n"))
    with pytest.raises(BuildError, match=r"base.config:2: CONFIG_GONE=y asked, got n"):
        build_kernel(checkout.root, spec)
    assert checkout.compiled == 0
    assert not list((cache_folder / "kernel").iterdir())


def test_compiler_error_reaches_the_user_and_nothing_is_kept(checkout, cache_folder: Path, work_is_empty):
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int 2;")})
    with pytest.raises(BuildError, match=r"kernel\.c:2:5: error"):
        build_kernel(checkout.root, checkout.kernel("fix", checkout.fragment("base", "")))
    assert not list((cache_folder / "kernel").iterdir())
    assert work_is_empty()


def test_two_builds_at_once_compile_once(checkout):
    spec = checkout.kernel(None, checkout.fragment("base", "CONFIG_ALPHA=y\n"))
    with ThreadPoolExecutor(2) as pool:
        images = list(pool.map(lambda _: build_kernel(checkout.root, spec), range(2)))
    assert checkout.compiled == 1
    assert images[0].path == images[1].path


def test_build_leaves_the_cached_source_as_it_was(checkout, cache_folder: Path):
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int ii;")})
    build_kernel(checkout.root, checkout.kernel("fix", checkout.fragment("base", "CONFIG_ALPHA=y\n")))
    (pristine,) = (cache_folder / "source").iterdir()
    names = {path.relative_to(pristine) for path in pristine.rglob("*") if path.is_file()}
    assert names == {path.relative_to(checkout.tree) for path in checkout.tree.rglob("*") if path.is_file()}
    assert all((pristine / name).read_bytes() == (checkout.tree / name).read_bytes() for name in names)


NEW_OPTION = """\
diff --git a/Kconfig b/Kconfig
--- a/Kconfig
+++ b/Kconfig
@@ -1,2 +1,3 @@
 config ALPHA
 config BETA
+config GAMMA
"""


def _two_patches(checkout):
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int ii;"), "0002-b": NEW_OPTION})
    return checkout.kernel("fix", checkout.fragment("base", "CONFIG_ALPHA=y\nCONFIG_GAMMA=y\n"))


def test_verify_builds_and_boots_each_patch_and_remembers_it(checkout):
    booted = []
    report = verify_kernel(checkout.root, _two_patches(checkout), each_patch=True, boot=booted.append)
    assert report.ok, report
    assert len(booted) == 2
    assert "CONFIG_GAMMA=y" not in booted[0].config.read_text()
    assert "CONFIG_GAMMA=y" in booted[1].config.read_text()
    again = verify_kernel(checkout.root, _two_patches(checkout), each_patch=True, boot=booted.append)
    assert again.ok
    assert len(booted) == 2


def test_verify_says_which_patch_does_not_boot(checkout):
    def boot(image):
        raise MachineError("silent for 60 s")

    report = verify_kernel(checkout.root, _two_patches(checkout), each_patch=True, boot=boot)
    assert not report.ok
    problems = [(check.what, check.problem) for check in report.checks if check.problem]
    assert problems[0] == ("0001-a.patch: builds and boots", "silent for 60 s")


def test_verify_reports_style_fuzz_and_dropped_options(checkout):
    base = checkout.fragment("base", "CONFIG_GONE=y\n")
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int ugly;")})
    report = verify_kernel(checkout.root, checkout.kernel("fix", base))
    problems = {check.what: check.problem for check in report.checks if check.problem}
    assert problems["0001-a.patch: checkpatch --strict"] == "WARNING: ugly"
    assert "CONFIG_GONE=y asked, got n" in problems["config: 1 options asked, all granted"]
    checkout.series("fix", **{"0001-a": checkout.line("int 2;", "int ii;")})
    report = verify_kernel(checkout.root, checkout.kernel("fix", base))
    assert "hunk 1" in report.checks[0].problem
