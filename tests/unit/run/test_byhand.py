# SPDX-License-Identifier: GPL-2.0-only
import pytest
from typer.testing import CliRunner

from testbed.cli.app import app
from testbed.errors import SpecError
from testbed.run.byhand import stored_cell
from testbed.store.folder import RunFolder

NAMES = [f"{kernel}/minimal/benign/dontneed-pieces:piece={size}#1" for size in ("4KiB", "64KiB") for kernel in "ab"]


@pytest.fixture
def folder(tmp_path):
    """A run of four cells, of which the last was never started; all on one kernel and one image."""
    run = RunFolder.create(tmp_path / "runs", {"cells": NAMES})
    for artefact in ("bzImage", "initramfs"):
        (tmp_path / artefact).touch()
    for name in NAMES[:3]:
        line = f"qemu-system-x86_64 -m 64M -kernel {tmp_path}/bzImage -initrd {tmp_path}/initramfs -append 'a b'"
        (run.attempt(name) / "by-hand.txt").write_text(f"# {name}: /workloads/x --piece=1\n{line}\n")
    return run


def refusal(folder: RunFolder, part: str | None) -> str:
    with pytest.raises(SpecError) as caught:
        stored_cell(folder, part)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("part", [NAMES[0], "a/minimal/benign/dontneed-pieces:piece=4", NAMES[0].replace("/", "~")])
def test_cell_is_named_by_any_part_that_no_other_has(folder, tmp_path, part):
    lines = stored_cell(folder, part)
    assert lines.title == f"# {NAMES[0]}: /workloads/x --piece=1"
    assert lines.argv[-2:] == ("-append", "a b")
    assert lines.after("-kernel") == tmp_path / "bzImage"


def test_name_of_one_cell_that_begins_that_of_another_means_the_one(tmp_path):
    run = RunFolder.create(tmp_path, {"cells": ["k/g/x#1", "k/g/x#10"]})
    assert refusal(run, "k/g/x#1").startswith("k/g/x#1: was not started")


def test_part_that_two_cells_have_is_refused_with_both(folder):
    assert refusal(folder, "=4KiB").endswith(f"'=4KiB' means 2 cells; name one of: {NAMES[0]}, {NAMES[1]}")


def test_part_that_no_cell_has_is_refused_with_those_there_are(folder):
    assert f"no cell has '5KiB' in its name; name one of: {', '.join(NAMES)}" in refusal(folder, "5KiB")


def test_run_without_a_cell_is_refused_with_those_there_are(folder):
    assert f"no cell was named; name one of: {NAMES[0]}" in refusal(folder, None)


def test_cell_that_was_not_started_is_told_with_the_way_to_start_it(folder):
    assert refusal(folder, NAMES[3]).endswith(
        f"was not started in {folder.path}; go on with: ./tb run --resume {folder.path}"
    )


@pytest.mark.parametrize(
    ("artefact", "told"),
    [
        ("bzImage", "its kernel is gone ({path}); ./tb kernel build a"),
        ("initramfs", "its guest image is gone ({path}); ./tb guest build minimal"),
    ],
)
def test_artefact_that_the_cache_lost_is_named_with_the_line_that_builds_it(folder, tmp_path, artefact, told):
    path = tmp_path / artefact
    path.unlink()
    assert told.format(path=path) in refusal(folder, NAMES[0])


def test_file_that_is_something_else_is_refused(folder):
    (folder.cell(NAMES[0]) / "by-hand.txt").write_text("rm -rf /\n")
    assert "not what a run writes there" in refusal(folder, NAMES[0])


@pytest.mark.parametrize("option", ["--kernel", "--guest", "--accel"])
def test_option_that_contradicts_the_stored_cell_is_refused(folder, option):
    done = CliRunner().invoke(app, ["shell", str(folder.path), NAMES[0], option, "tcg"])
    assert str(done.exception) == f"{option} tcg: a stored cell brings its own; leave it out beside RUN CELL"


def test_cell_of_a_kernel_with_a_tilde_in_its_name_is_found_as_it_is_called_and_as_its_folder_is(tmp_path):
    cells = ["vanilla-6.12~my-bug/minimal/bugs/my-bug#1", "vanilla-6.12~my-bug/minimal/bugs/my-bug#2"]
    folder = RunFolder.create(tmp_path, {"cells": cells})
    assert folder.one_cell(cells[0]) == cells[0]
    assert folder.one_cell(folder.cell(cells[1]).name) == cells[1]
    assert folder.one_cell("my-bug/minimal/bugs/my-bug#2") == cells[1]
