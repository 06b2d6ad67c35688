# SPDX-License-Identifier: GPL-2.0-only
"""Each way to write matrices wrong, and the one line that a person is told about it."""

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import load_matrix

FILE = "scenarios/matrices/quick.yaml"

# fmt: off
CASES = [  # what stood there, what a person wrote, the line, how the message starts
    ("vanilla-6.12", "vanila-6.12",
     1, "unknown kernel 'vanila-6.12'; did you mean 'vanilla-6.12'? known: ptreclaim-6.12, vanilla-6.12"),
    ("+debug", "+debg",
     1, "unknown flavour 'debg'; did you mean 'debug'? known: debug, kcsan, ptreclaim (in kernel"),
    ("+debug", "+debug+debug",
     1, "kernel 'ptreclaim-6.12+debug+debug' has config fragment 'debug' twice; name it once"),
    ("+debug", "+ptreclaim",
     1, "kernel 'ptreclaim-6.12+ptreclaim' has config fragment 'ptreclaim' twice; name it once"),
    ("ptreclaim-6.12+debug", "vanilla-6.12",
     1, "kernel 'vanilla-6.12' stands there twice; keep one"),
    ("scale: small", "scale: tiny",
     2, "scale: unknown scale 'tiny'; known: full, small"),
    ("  - benign/loop\n", "  - benign/lop\n",
     4, "unknown scenario 'benign/lop'; did you mean 'benign/loop'? known: benign/loop"),
    ("  - benign/loop\n", "  - ../../etc/passwd\n",
     4, "scenario '../../etc/passwd' leaves the scenarios folder; names are like benign/dontneed-loop"),
    ("  - benign/loop\n", "  - /etc/passwd\n",
     4, "scenario '/etc/passwd' leaves the scenarios folder; names are like benign/dontneed-loop"),
    ("{step: 4KiB}", "{stepp: 4KiB}",
     5, "scenario benign/loop: unknown parameter 'stepp'; did you mean 'step'? known: mode, rounds, span,"),
    ("{step: 4KiB}", "\n      rounds: 4\n      step: 4KB",
     7, "scenario benign/loop: parameter step: '4KB' is not a size; sizes are written as 4KiB (B KiB MiB GiB"),
    ("{step: 4KiB}", "{rounds: many}",
     5, "scenario benign/loop: parameter rounds: 'many' is no whole number; write one like 4"),
    ("{step: 4KiB}", "4KiB",
     5, "benign/loop: must be a mapping of parameters like {piece: 4KiB}, not the text '4KiB'"),
    ("{step: 4KiB}", "{step: [1]}",
     5, "scenario benign/loop: parameter step: a list is no parameter; write a size like 4KiB"),
    ("  - benign/loop\n", "  - benign/loop\n  - benign/loop\n",
     5, "cell benign/loop runs the same as line 4; keep one"),
    ("  - benign/loop\n", "  - benign/loop: {step: 4096}\n",
     5, "cell benign/loop:step=4KiB runs the same as line 4; keep one"),
    ("  - benign/loop\n", "  - [a]\n",
     4, "a list is no scenario; write '- NAME' or '- NAME: {PARAM: VALUE}'"),
    ("[vanilla-6.12, ptreclaim-6.12+debug]", "[]",
     1, "kernels: is an empty list; name at least one"),
    ("kernels: [vanilla-6.12, ptreclaim-6.12+debug]\n", "",
     1, "missing key 'kernels': a list of kernels, like [vanilla-6.12]"),
    ("scale: small", "scale: 1",
     2, "scale: must be text, not the number 1; put it in quotes"),
    ("{step: 4KiB}", "{step: 4KiB}\nguests: [a]",
     6, "unknown key 'guests'; known: kernels, scale, scenarios"),
    ("  - benign/loop\n", "  - benign/loop:\n",
     4, "benign/loop: must be a mapping of parameters like {piece: 4KiB}, not nothing"),
]
# fmt: on


@pytest.mark.parametrize(("old", "new", "line", "message"), CASES)
def test_bad_input_is_one_line_that_says_where_what_and_what_would_be_right(
    checkout: Checkout, old: str, new: str, line: int, message: str
) -> None:
    load_matrix(checkout.root, "quick")
    checkout.change(FILE, old, new)
    with pytest.raises(SpecError) as caught:
        load_matrix(checkout.root, "quick")
    assert str(caught.value).startswith(f"{FILE}:{line}: {message}")
    assert "\n" not in str(caught.value)
