# SPDX-License-Identifier: GPL-2.0-only
"""Each way to write scenarios wrong, and the one line that a person is told about it."""

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import load_scenario

FILE = "scenarios/benign/loop.yaml"

# fmt: off
CASES = [  # what stood there, what a person wrote, the line, how the message starts
    ("step: 2MiB", "step: 2MB",
     7, "step: '2MB' is not a size; sizes are written as 2MiB (B KiB MiB GiB TiB)"),
    ("step: 2MiB", "step: 2.5",
     7, "step: the number 2.5 is no parameter; write a size, a whole number, or text in quotes"),
    ("step: 2MiB", "step: [1]",
     7, "step: a list is no parameter; write a size, a whole number, or text in quotes"),
    ("50GiB", "50G",
     6, "span.full: '50G' is not a size; sizes are written as 50GiB (B KiB MiB GiB TiB)"),
    ("50GiB", "much",
     6, "span: one scale has a word, the other a number; write both alike"),
    ("{small: 512MiB, full: 50GiB}", "\n    small: 512MiB\n    medium: 1GiB",
     8, "unknown key 'medium'; known: full, small"),
    ("{small: 512MiB, full: 50GiB}", "{small: 512MiB}",
     6, "span: missing key 'full': it has no default"),
    ("rounds: 3", "rounds: 99999999999999999999",
     8, "rounds: 99999999999999999999 is too large; a workload reads 64-bit numbers"),
    ("  rounds: 3", "  Rounds: 3",
     8, "'Rounds' is no parameter's name; small letters, digits, '_' and '-', like span"),
    ("mode: random", "mode: \"a\\nb\"",
     9, "mode: 'a\\nb' holds a control character; a value is one line of plain text"),
    ("60s", "60",
     12, "deadline.small: the number 60 is not a time; times are written as 30s (ms s min h)"),
    ("60s", "60 seconds",
     12, "deadline.small: '60 seconds' is not a time; times are written as 30s (ms s min h)"),
    ("60s", "0s",
     12, "deadline.small: '0s' is not a time; a time is longer than nothing, like 30s"),
    ("deadline: {small: 60s, full: 10min}\n", "",
     1, "missing key 'deadline': how long the cell may take on KVM, like 60s"),
    ("guest: minimal", "guest: minmal",
     3, "unknown guest 'minmal'; did you mean 'minimal'? known: minimal"),
    ("workload: loop", "workload: lop",
     4, "unknown workload 'lop'; did you mean 'loop'? known: loop (guests/workloads/*.c)"),
    ("workload: loop", "workload: ../loop",
     4, "unknown workload '../loop'; did you mean 'loop'? known: loop (guests/workloads/*.c)"),
    ("guest: minimal", "gest: minimal",
     3, "unknown key 'gest'; did you mean 'guest'? known: deadline, env, expect, guest, kind, known_gap,"),
    ("MALLOC_ARENA_MAX: 1", "MALLOC-ARENA: 1",
     11, "'MALLOC-ARENA' is no variable's name; letters, digits and '_', like MALLOC_CONF"),
    ("MALLOC_ARENA_MAX: 1", "MALLOC_ARENA_MAX: true",
     11, "MALLOC_ARENA_MAX: the truth value true is no value of a variable; put it in quotes"),
    ("after.left_over.pte <= 16", "after.left_ovr.pte <= 16",
     17, "unknown metric 'left_ovr.pte'; did you mean 'left_over.pte'? known: census.LEVEL.{tables,empty,zero,"),
    ("after.left_over.pte <= 16", "pressed.left_over.pte <= 16",
     17, "phase 'pressed' of 'pressed.left_over.pte' is not in phases: start, peak, after"),
    ("after.left_over.pte <= 16", "after.left_over.pte =< 16",
     17, "cannot read the expectation 'after.left_over.pte =< 16'; write 'METRIC OP NUMBER' or 'METRIC OP"),
    ("after.left_over.pte <= 16", "after.vmpte_kb <= 0.5 * peek.vmpte_kb",
     17, "phase 'peek' of 'peek.vmpte_kb' is not in phases: start, peak, after"),
    ("exit.status", "exit.signal",
     19, "unknown metric 'exit.signal'; of the exit only exit.status and exit.oom_kill are known"),
    ("after.left_over_kb == 0", "after.left_over_kib == 0",
     22, "unknown metric 'left_over_kib'; did you mean 'left_over_kb'? known: census.LEVEL.{tables,empty,zero,"),
    ("    reason: zeropage tables\n", "",
     21, "ptreclaim-*: missing key 'reason': what is missing, and where it is going to be done"),
    ("  \"vanilla-*\":", "  \"vanila-*\":",
     14, "pattern 'vanila-*' matches no kernel; did you mean 'vanilla-*'?"),
    ("guest: minimal", "guest: minimal\nphases: [start, start]",
     4, "phases: 'start' stands there twice; each phase has a name of its own"),
    ("guest: minimal", "guest: minimal\nphases: [start, 'the end']",
     4, "phases: 'the end' is no phase; phases are small letters, digits and '_', and not 'exit'"),
    ("guest: minimal", "guest: minimal\nphases: []",
     4, "phases: is an empty list; name at least one"),
    ("guest: minimal", "guest: minimal\nkind: stress",
     4, "kind is stress, but the folder is benign; leave it out"),
    ("guest: minimal", "guest: minimal\nkind: evil",
     4, "kind: must be 'benign', 'malicious' or 'stress', not the text 'evil'"),
    ("guest: minimal", "guest: minimal\nmay_die: maybe",
     4, "may_die: must be true or false, not the text 'maybe'"),
    ("guest: minimal", "guest: minimal\nmemory: {small: 1GiB, full: 1TB}",
     4, "memory.full: '1TB' is not a size; sizes are written as 1TiB (B KiB MiB GiB TiB)"),
    ("    - exit.status == 0", "    exit.status == 0",
     19, "*: must be a list, like [a, b], not the text 'exit.status == 0'"),
    ("    - exit.status == 0", "    - [exit.status]",
     19, "*: must be text, not a list"),
]
# fmt: on


@pytest.mark.parametrize(("old", "new", "line", "message"), CASES)
def test_bad_input_is_one_line_that_says_where_what_and_what_would_be_right(
    checkout: Checkout, old: str, new: str, line: int, message: str
) -> None:
    load_scenario(checkout.root, "benign/loop")
    checkout.change(FILE, old, new)
    with pytest.raises(SpecError) as caught:
        load_scenario(checkout.root, "benign/loop")
    assert str(caught.value).startswith(f"{FILE}:{line}: {message}")
    assert "\n" not in str(caught.value)
