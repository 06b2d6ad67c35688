# SPDX-License-Identifier: GPL-2.0-only
"""Files that can't be read at all, and which of several errors a person is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import load_guest, load_kernels, load_matrix, load_scenario

LOADERS: dict[str, Callable[[Path], object]] = {
    "kernel/kernels.yaml": load_kernels,
    "guests/minimal.yaml": lambda root: load_guest(root, "minimal"),
    "scenarios/benign/loop.yaml": lambda root: load_scenario(root, "benign/loop"),
    "scenarios/matrices/quick.yaml": lambda root: load_matrix(root, "quick"),
}


@pytest.mark.parametrize("file", LOADERS)
@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", 1, "the file is empty; it should hold a mapping"),
        (b"# only a comment\n", 1, "the file is empty; it should hold a mapping"),
        (b"- a\n- b\n", 1, "this is no mapping; write 'key: value' lines"),
        (b"a: 1\n---\nb: 2\n", 2, "not YAML: but found another document"),
        (b"a: 1\n\nb: caf\xe9\n", 3, "not UTF-8 text; save the file as UTF-8"),
        (b"[" * 600, 1, "nested too deeply to be read"),
        (b"\xef\xbb\xbfnonsense: 1\n", 1, "unknown key 'nonsense'"),
        (b"a: !!int x\n", 1, "'x' is no number"),
    ],
)
def test_a_file_that_is_no_mapping_is_told_apart(
    checkout: Checkout, file: str, content: bytes, line: int, message: str
) -> None:
    checkout.write(file, content)
    with pytest.raises(SpecError) as caught:
        LOADERS[file](checkout.root)
    assert str(caught.value).startswith(f"{file}:{line}: {message}")


def test_a_file_that_is_not_there_is_told_with_a_near_one(checkout: Checkout) -> None:
    with pytest.raises(SpecError) as caught:
        load_scenario(checkout.root, checkout.root / "scenarios/benign/lop.yaml")
    assert str(caught.value) == "scenarios/benign/lop.yaml:1: no such file; did you mean 'loop.yaml'?"


def test_a_missing_kernel_list_is_told_by_its_place(checkout: Checkout) -> None:
    (checkout.root / "kernel/kernels.yaml").unlink()
    with pytest.raises(SpecError, match=r"^kernel/kernels\.yaml:1: no such file; check the path$"):
        load_kernels(checkout.root)


def test_a_folder_in_place_of_a_file_is_told(checkout: Checkout) -> None:
    (checkout.root / "folder.yaml").mkdir()
    with pytest.raises(SpecError, match=r"^folder\.yaml:1: cannot be read \(Is a directory\)"):
        load_matrix(checkout.root, checkout.root / "folder.yaml")


def test_a_file_outside_of_the_checkout_is_shown_as_given(checkout: Checkout, tmp_path: Path) -> None:
    outside = tmp_path / "mine.yaml"
    outside.write_text("gest: minimal\n")
    with pytest.raises(SpecError) as caught:
        load_scenario(checkout.root, outside)
    assert str(caught.value).startswith(f"{outside}:1: unknown key 'gest'; did you mean 'guest'?")


def test_an_unknown_key_is_told_before_the_key_that_it_was_meant_to_be_is_missed(checkout: Checkout) -> None:
    checkout.change("scenarios/benign/loop.yaml", "workload: loop", "workloads: loop")
    with pytest.raises(SpecError, match=r":4: unknown key 'workloads'; did you mean 'workload'\?"):
        load_scenario(checkout.root, "benign/loop")


def test_of_several_errors_the_first_in_the_file_is_told(checkout: Checkout) -> None:
    checkout.change("guests/minimal.yaml", "levels: 4", "levels: 3")
    checkout.change("guests/minimal.yaml", "memory: 1GiB", "memory: 1GB")
    with pytest.raises(SpecError, match=r"^guests/minimal\.yaml:1: memory: '1GB' is not a size"):
        load_guest(checkout.root, "minimal")


def test_an_error_in_a_scenario_of_a_matrix_points_at_the_scenario(checkout: Checkout) -> None:
    checkout.change("scenarios/benign/loop.yaml", "step: 2MiB", "step: 2MB")
    with pytest.raises(SpecError, match=r"^scenarios/benign/loop\.yaml:7: step: '2MB' is not a size"):
        load_matrix(checkout.root, "quick")


def test_an_error_in_the_kernel_list_of_a_matrix_points_at_the_list(checkout: Checkout) -> None:
    checkout.change("kernel/kernels.yaml", "why: the problem", "wy: the problem")
    with pytest.raises(SpecError, match=r"^kernel/kernels\.yaml:4: unknown key 'wy'"):
        load_matrix(checkout.root, "quick")
