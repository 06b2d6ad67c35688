# SPDX-License-Identifier: GPL-2.0-only
import subprocess
from pathlib import Path

import pytest

from testbed.build.checkout import checkout_kernel, export_series
from testbed.errors import SpecError

GIT = ["git", "-c", "user.name=B", "-c", "user.email=b@example.org"]


@pytest.fixture
def tree(checkout, tmp_path: Path) -> Path:
    """A checked-out series of two patches, exported once so that it has the form of an export."""
    first = checkout.line("int two;", "int ii;", subject="mm: say two in Roman")
    second = checkout.line("int ii;", "int deux;", subject="mm: Größe in French")
    checkout.series("fix", **{"0001-mm-say-two-in-Roman": first, "0002-b": second})
    folder = checkout_kernel(checkout.root, checkout.kernel("fix"), tmp_path / "tree")
    export_series(checkout.root, folder)
    return folder


def test_patches_become_commits_with_author_and_message(tree: Path):
    said = _git(tree, "log", "--format=%an|%ad|%s", "--date=iso", "testbed-base..HEAD").splitlines()
    assert said == [
        "A Developer|2026-11-01 12:00:00 +0100|mm: Größe in French",
        "A Developer|2026-11-01 12:00:00 +0100|mm: say two in Roman",
    ]
    assert (tree / "kernel.c").stat().st_nlink == 1


def test_export_of_an_unchanged_checkout_changes_no_byte(checkout, tree: Path, tmp_path: Path):
    series = checkout.root / "kernel/series/fix"
    before = {path.name: path.read_bytes() for path in series.iterdir()}
    assert export_series(checkout.root, tree).changed == ()
    other = checkout_kernel(checkout.root, checkout.kernel("fix"), tmp_path / "other")
    exported = export_series(checkout.root, other)
    assert (exported.changed, exported.removed) == ((), ())
    assert {path.name: path.read_bytes() for path in series.iterdir()} == before
    assert len(before) == 3


def test_export_says_what_it_changed(checkout, tree: Path):
    (tree / "kernel.c").write_text((tree / "kernel.c").read_text() + "int eight;\n")
    _git(tree, "commit", "-q", "-a", "-m", "mm: eight\n\nSigned-off-by: B <b@example.org>")
    exported = export_series(checkout.root, tree)
    assert exported.changed == ("0003-mm-eight.patch",)
    assert (exported.folder / "series").read_text().splitlines() == list(exported.patches)
    _git(tree, "reset", "-q", "--hard", "HEAD~2")
    exported = export_series(checkout.root, tree)
    assert len(exported.removed) == 2
    assert not (exported.folder / "0003-mm-eight.patch").exists()


def test_comment_on_top_of_the_series_survives_an_export_that_changes_the_list(checkout, tree: Path):
    series = checkout.root / "kernel/series/fix/series"
    series.write_text("# SPDX-License-Identifier: GPL-2.0-only\n" + series.read_text())
    _git(tree, "reset", "-q", "--hard", "HEAD~1")
    exported = export_series(checkout.root, tree)
    assert series.read_text().splitlines() == ["# SPDX-License-Identifier: GPL-2.0-only", *exported.patches]


def test_patch_borrowed_from_another_series_stays_there_and_cannot_be_changed_from_here(checkout, tree: Path):
    series = checkout.root / "kernel/series"
    mine = series / "mine"
    mine.mkdir()
    (mine / "series").write_text("# Mine.\n../fix/0001-mm-say-two-in-Roman.patch\n")
    folder = checkout_kernel(checkout.root, checkout.kernel("mine"), tree.parent / "mine")
    (folder / "kernel.c").write_text((folder / "kernel.c").read_text() + "int eight;\n")
    _git(folder, "commit", "-q", "-a", "-m", "mm: eight\n\nSigned-off-by: B <b@example.org>")
    exported = export_series(checkout.root, folder)
    listed = ["# Mine.", "../fix/0001-mm-say-two-in-Roman.patch", "0002-mm-eight.patch"]
    assert (exported.patches, (mine / "series").read_text().splitlines()) == (("0002-mm-eight.patch",), listed)
    assert {path.name for path in mine.iterdir()} == {"series", "0002-mm-eight.patch"}
    _git(folder, "reset", "-q", "--hard", "testbed-base")
    (folder / "kernel.c").write_text("int changed;\n")
    _git(folder, "commit", "-q", "-a", "-m", "mm: say two in Roman\n\nSigned-off-by: B <b@example.org>")
    with pytest.raises(SpecError, match="belongs to another series"):
        export_series(checkout.root, folder)
    assert (mine / "series").read_text().splitlines() == listed


def test_new_file_is_not_passed_by_for_the_sake_of_debian_packaging(checkout, tmp_path: Path):
    edit = checkout.line("int two;", "int ii;", subject="mm: say two in Roman")
    checkout.series("fix", **{"0001-mm-say-two-in-Roman": edit})
    (checkout.tree / ".gitignore").write_text("*.o\n/*\n!/debian/\n")
    checkout.pack()
    folder = checkout_kernel(checkout.root, checkout.kernel("fix"), tmp_path / "tree")
    (folder / "new.c").touch()
    (folder / "new.o").touch()
    assert _git(folder, "status", "--porcelain").split() == ["??", "new.c"]


def test_export_refuses_what_is_not_committed(checkout, tree: Path):
    (tree / "kernel.c").write_text("int edited;\n")
    with pytest.raises(SpecError, match="not committed"):
        export_series(checkout.root, tree)


def test_checkout_never_overwrites(checkout, tree: Path):
    with pytest.raises(SpecError, match="is there already"):
        checkout_kernel(checkout.root, checkout.kernel("fix"), tree)
    with pytest.raises(SpecError, match="no series"):
        checkout_kernel(checkout.root, checkout.kernel(None), tree.parent / "new")
    with pytest.raises(SpecError, match="no git tree"):
        export_series(checkout.root, checkout.root)


def _git(tree: Path, *words: str) -> str:
    return subprocess.run([*GIT, "-C", tree, *words], capture_output=True, text=True, check=True).stdout
