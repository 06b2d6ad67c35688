# SPDX-License-Identifier: GPL-2.0-only
"""Each way to write guests wrong, and the one line that a person is told about it."""

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import load_guest

FILE = "guests/minimal.yaml"

# fmt: off
CASES = [  # what stood there, what a person wrote, the line, how the message starts
    ("1GiB", "1GB",
     1, "memory: '1GB' is not a size; sizes are written as 1GiB (B KiB MiB GiB TiB)"),
    ("1GiB", "1.5GiB",
     1, "memory: '1.5GiB' is not a size; sizes are written as 4GiB (B KiB MiB GiB TiB)"),
    ("1GiB", "1000KiB",
     1, "memory: 1000KiB is not a memory size; memory is one or more whole MiB, like 1GiB"),
    ("1GiB", "yes please",
     1, "memory: 'yes please' is not a size; sizes are written as 4GiB (B KiB MiB GiB TiB)"),
    ("1GiB", "true",
     1, "memory: the truth value true is not a size; sizes are written as 4GiB (B KiB MiB GiB TiB)"),
    ("vcpus: 2", "vcpus: two",
     2, "vcpus: must be a whole number, not the text 'two'"),
    ("vcpus: 2", "vcpus: 0",
     2, "vcpus: must be at least 1, not the number 0"),
    ("vcpus: 2", "cpus: 2",
     2, "unknown key 'cpus'; did you mean 'vcpus'? known: levels, memory, packages, selftests, vcpus"),
    ("levels: 4", "levels: 3",
     3, "levels: must be 4 or 5, not the number 3"),
    ("[libjemalloc2]", "[lib/jemalloc2]",
     4, "packages: 'lib/jemalloc2' is not the name of a Debian package; names are like libjemalloc2"),
    ("[libjemalloc2]", "libjemalloc2",
     4, "packages: must be a list, like [a, b], not the text 'libjemalloc2'"),
    ("memory: 1GiB\n", "",
     1, "missing key 'memory': how much RAM, like 1GiB"),
]
# fmt: on


@pytest.mark.parametrize(("old", "new", "line", "message"), CASES)
def test_bad_input_is_one_line_that_says_where_what_and_what_would_be_right(
    checkout: Checkout, old: str, new: str, line: int, message: str
) -> None:
    load_guest(checkout.root, "minimal")
    checkout.change(FILE, old, new)
    with pytest.raises(SpecError) as caught:
        load_guest(checkout.root, "minimal")
    assert str(caught.value).startswith(f"{FILE}:{line}: {message}")
    assert "\n" not in str(caught.value)
