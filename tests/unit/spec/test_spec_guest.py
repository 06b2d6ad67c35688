# SPDX-License-Identifier: GPL-2.0-only
"""Guests: what a file says, and what it may leave out."""

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import list_guests, load_guest


def test_a_guest_is_named_by_its_file(checkout: Checkout) -> None:
    guest = load_guest(checkout.root, "minimal")
    assert (guest.name, guest.memory_bytes, guest.vcpus, guest.levels) == ("minimal", 1 << 30, 2, 4)
    assert guest.packages == ("libjemalloc2",)


def test_a_guest_has_one_cpu_and_four_levels_unless_it_says_otherwise(checkout: Checkout) -> None:
    checkout.write("guests/small.yaml", "memory: 256MiB\n")
    guest = load_guest(checkout.root, "small")
    assert (guest.memory_bytes, guest.vcpus, guest.levels, guest.packages) == (256 << 20, 1, 4, ())
    assert list_guests(checkout.root) == ("minimal", "small")


@pytest.mark.parametrize("name", ["minimall", "../guests/minimal"])
def test_an_unknown_guest_is_told_with_a_near_one(checkout: Checkout, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_guest(checkout.root, name)
    assert str(caught.value) == f"unknown guest {name!r}; did you mean 'minimal'? known: minimal"
