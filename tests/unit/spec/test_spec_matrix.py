# SPDX-License-Identifier: GPL-2.0-only
"""Matrices: kernels times scenarios, by name or by path."""

from pathlib import Path

import pytest
from spec_checkout import MATRIX, Checkout

from testbed.errors import SpecError
from testbed.spec import list_matrices, load_matrix


def test_a_matrix_names_kernels_and_scenarios_with_their_variants(checkout: Checkout) -> None:
    matrix = load_matrix(checkout.root, "quick")
    assert (matrix.name, matrix.scale) == ("quick", "small")
    assert matrix.kernels == ("vanilla-6.12", "ptreclaim-6.12+debug")
    assert matrix.scenarios == (("benign/loop", {}), ("benign/loop", {"step": "4KiB"}))


def test_the_scale_is_small_unless_the_matrix_says_otherwise(checkout: Checkout) -> None:
    checkout.change("scenarios/matrices/quick.yaml", "scale: small\n", "")
    assert load_matrix(checkout.root, "quick").scale == "small"


def test_a_matrix_may_stand_anywhere(checkout: Checkout, tmp_path: Path) -> None:
    outside = tmp_path / "mine.yaml"
    outside.write_text(MATRIX)
    for written in (outside, str(outside)):
        assert load_matrix(checkout.root, written).name == "mine"


@pytest.mark.parametrize("name", ["quik", "../matrices/quick"])
def test_an_unknown_matrix_is_told_with_a_near_one(checkout: Checkout, name: str) -> None:
    assert list_matrices(checkout.root) == ("quick",)
    with pytest.raises(SpecError) as caught:
        load_matrix(checkout.root, name)
    assert str(caught.value) == f"unknown matrix {name!r}; did you mean 'quick'? known: quick"


def test_a_variant_that_only_repeats_the_default_is_the_same_cell_twice(checkout: Checkout) -> None:
    checkout.change("scenarios/matrices/quick.yaml", "{step: 4KiB}", "{step: 2048KiB}")
    with pytest.raises(SpecError, match=r":5: cell benign/loop:step=2MiB runs the same as line 4; keep one$"):
        load_matrix(checkout.root, "quick")
