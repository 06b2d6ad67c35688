# SPDX-License-Identifier: GPL-2.0-only
import hashlib
import os
from pathlib import Path

import pytest

from testbed.build.series import apply_series, patchset_hash, read_series
from testbed.errors import BuildError, SpecError


def test_hash_is_kcidbs(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("first\n")
    two.write_text("second\n")
    sums = hashlib.sha256(b"first\n").hexdigest() + "\n" + hashlib.sha256(b"second\n").hexdigest() + "\n"
    assert patchset_hash([one, two]) == hashlib.sha256(sums.encode()).hexdigest()
    assert patchset_hash([two, one]) != patchset_hash([one, two])
    assert patchset_hash([]) is None


def test_series_is_read_in_its_order(checkout):
    checkout.series("fix", **{"0002-b": "", "0001-a": ""})
    assert [patch.name for patch in read_series(checkout.root, "fix")] == ["0002-b.patch", "0001-a.patch"]
    assert read_series(checkout.root, None) == ()


def test_series_that_names_a_missing_patch_says_where(checkout):
    checkout.series("fix", **{"0001-a": ""})
    (checkout.root / "kernel/series/fix/series").write_text("# ours\n0001-a.patch\n0002-b.patch\n")
    with pytest.raises(SpecError, match=r"fix/series:3: no such patch: 0002-b.patch"):
        read_series(checkout.root, "fix")


def test_patch_that_does_not_apply_names_patch_and_hunk_and_shows_it(checkout):
    checkout.series(
        "fix", **{"0001-a": checkout.line("int two;", "int ii;"), "0002-b": checkout.line("int 2;", "int II;")}
    )
    with pytest.raises(BuildError) as caught:
        apply_series(checkout.tree, read_series(checkout.root, "fix"))
    text = str(caught.value)
    assert "fix/0002-b.patch: does not apply" in text
    assert "kernel.c: hunk 1 at line 1" in text
    assert "+int II;" in text


def test_context_that_nearly_fits_is_refused(checkout):
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int ii;", before="int one; /* moved */")})
    with pytest.raises(BuildError, match="hunk 1"):
        apply_series(checkout.tree, read_series(checkout.root, "fix"))


def test_hunk_that_only_moved_is_taken(checkout):
    source = checkout.tree / "kernel.c"
    source.write_text("int zero;\n" * 5 + source.read_text())
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int ii;")})
    apply_series(checkout.tree, read_series(checkout.root, "fix"))
    assert "int ii;" in source.read_text()


def test_patch_that_is_there_already_is_refused(checkout):
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int ii;")})
    patches = read_series(checkout.root, "fix")
    apply_series(checkout.tree, patches)
    with pytest.raises(BuildError, match="0001-a"):
        apply_series(checkout.tree, patches)


def test_patching_does_not_write_through_a_hard_link(checkout, tmp_path: Path):
    pristine = tmp_path / "pristine.c"
    os.link(checkout.tree / "kernel.c", pristine)
    before = pristine.read_text()
    checkout.series("fix", **{"0001-a": checkout.line("int two;", "int ii;")})
    apply_series(checkout.tree, read_series(checkout.root, "fix"))
    assert pristine.read_text() == before
    assert (checkout.tree / "kernel.c").read_text() != before


def test_patch_to_a_missing_file_is_refused(checkout):
    text = checkout.line("int two;", "int ii;").replace("kernel.c", "mm/gone.c")
    checkout.series("fix", **{"0001-a": text})
    with pytest.raises(BuildError, match=r"0001-a\.patch: does not apply"):
        apply_series(checkout.tree, read_series(checkout.root, "fix"))
