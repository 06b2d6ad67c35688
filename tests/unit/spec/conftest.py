# SPDX-License-Identifier: GPL-2.0-only
"""The checkout that every test of this folder starts from."""

from pathlib import Path

import pytest
from spec_checkout import Checkout, make_checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path / "checkout")
