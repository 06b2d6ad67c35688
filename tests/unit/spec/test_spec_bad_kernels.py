# SPDX-License-Identifier: GPL-2.0-only
"""Each way to write kernels.yaml wrong, and the one line that a person is told about it."""

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import load_kernels

FILE = "kernel/kernels.yaml"

# fmt: off
CASES = [  # what stood there, what a person wrote, the line, how the message starts
    ("source: {apt: linux-source-6.12}\n    why: the", "sorce: {apt: linux-source-6.12}\n    why: the",
     3, "unknown key 'sorce'; did you mean 'source'? known: config, series, source, why, without"),
    ("    why: our answer\n", "",
     5, "ptreclaim-6.12: missing key 'why': what this kernel is for, in a few words"),
    ("why: the problem", "why: 7",
     4, "why: must be text, not the number 7; put it in quotes"),
    ("why: the problem", "why:",
     4, "why has no value; write one or leave the key out"),
    ("why: the problem", "why: ' '",
     4, "why: says nothing; write a sentence"),
    ("    why: the problem", "    why: a\n    why: b",
     5, "key 'why' stands here twice, first in line 4; keep one"),
    ("{apt: linux-source-6.12}\n    why", "{atp: linux-source-6.12}\n    why",
     3, "source: must be one of {apt: PACKAGE}, {apt: PACKAGE, suite: SUITE}, {tarball: PATH_OR_URL, sha25"),
    ("{apt: linux-source-6.12}\n    why", "linux\n    why",
     3, "source: must be one of {apt: PACKAGE}, {apt: PACKAGE, suite: SUITE}, {tarball: PATH_OR_URL, sha25"),
    ("{apt: linux-source-6.12}\n    why", "\n      tarball: linux.tar.xz\n      sha: 12\n    why",
     5, "unknown key 'sha'; did you mean 'sha256'? known: sha256, tarball"),
    ("{apt: linux-source-6.12}\n    why", "\n      tarball: linux.tar.xz\n    why",
     3, "source: missing key 'sha256': the sum of the tarball, as sha256sum prints it"),
    ("{apt: linux-source-6.12}\n    why", "\n      tarball: linux.tar.xz\n      sha256: abc\n    why",
     5, "sha256: 'abc' is no sha256 sum; write all 64 hex digits"),
    ("{apt: linux-source-6.12}\n    why", "{git: r, commit: v6.12}\n    why",
     3, "commit: 'v6.12' is no commit; write all 40 hex digits"),
    ("{apt: linux-source-6.12}\n    why", "{git: r, tree: v6.12}\n    why",
     3, "source: must be one of {apt: PACKAGE}, {apt: PACKAGE, suite: SUITE}, {tarball: PATH_OR_URL, sha25"),
    ("{apt: linux-source-6.12}\n    series", "{tree: /x}\n    series",
     7, "a tree is used as it is, no series goes on top; leave the series out"),
    ("{apt: linux-source-6.12}\n    why", "\n      apt: linux-source-6.12\n      siute: bookworm\n    why",
     5, "unknown key 'siute'; did you mean 'suite'? known: apt, suite"),
    ("{apt: linux-source-6.12}\n    why", "\n      apt: linux-source-6.12\n      suite: book/worm\n    why",
     5, "suite: 'book/worm' is no name; names are letters, digits, '.', '_' and '-', like dontneed-loop"),
    ("{apt: linux-source-6.12}\n    why", "\n      apt: linux-source-6.12\n      suite: 13\n    why",
     5, "suite: must be text, not the number 13; put it in quotes"),
    ("{apt: linux-source-6.12}\n    why", "\n      apt: linux-source-6.12\n      suite:\n    why",
     5, "suite has no value; write one or leave the key out"),
    ("{apt: linux-source-6.12}\n    why", "\n      tree: /x\n      suite: bookworm\n    why",
     5, "unknown key 'suite'; known: tree"),
    ("    why: our answer", "    why: our answer\n    without: [X86_5LEVL]",
     10, "option 'X86_5LEVL': no fragment of this kernel (base.config, ptreclaim.config) asks for it; did you mean"
         " 'X86_5LEVEL'? else take it out"),
    ("    why: our answer", "    why: our answer\n    without:\n      - X86_5LEVEL\n      - KASAN",
     12, "option 'KASAN': no fragment of this kernel (base.config, ptreclaim.config) asks for it; take it out"),
    ("    why: our answer", "    why: our answer\n    without: [CONFIG_X86_5LEVEL]",
     10, "write X86_5LEVEL, without the CONFIG_"),
    ("    why: our answer", "    why: our answer\n    without: [X86_5LEVEL, SWAP, X86_5LEVEL]",
     10, "option 'X86_5LEVEL' twice; keep one"),
    ("    why: our answer", "    why: our answer\n    without: X86_5LEVEL",
     10, "without: must be a list, like [a, b], not the text 'X86_5LEVEL'"),
    ("series: ptreclaim", "series: ptreclam",
     7, "unknown series 'ptreclam'; did you mean 'ptreclaim'? known: ptreclaim (folders below kernel/series/)"),
    ("[ptreclaim]", "[ptreclaim, kasan]",
     8, "unknown config fragment 'kasan'; did you mean 'kcsan'? known: debug, kcsan, ptreclaim"),
    ("[ptreclaim]", "ptreclaim",
     8, "config: must be a list, like [a, b], not the text 'ptreclaim'"),
    ("[ptreclaim]", "[debug, debug]",
     8, "fragment 'debug' twice; keep one"),
    ("vanilla-6.12:", "vanilla+debug:",
     2, "kernel 'vanilla+debug' is no name; names are letters, digits, '.', '_' and '-', like dontneed-loop"),
    ("kernels:", "kernel:",
     1, "unknown key 'kernel'; did you mean 'kernels'? known: kernels"),
    ("{apt: linux-source-6.12}\n    why", "{apt: linux-source-6.12\n    why",
     3, "not YAML, while parsing a flow mapping: expected ',' or '}', but got ':' (line 4); is it closed?"),
    ("    why: the problem", "\twhy: the problem",
     4, "not YAML: found character '\\t' that cannot start any token; indent with spaces"),
    ("  vanilla-6.12:", "  6.12:",
     2, "key '6.12' is no text; put it in quotes"),
    ("why: the problem", "why: &a b",
     4, "anchors (&a) and aliases are not read here; write it out"),
    ("why: the problem", "why: *a",
     4, "not YAML: found undefined alias 'a'; check indentation, colons and quotes"),
    ("why: the problem", "why: !x b",
     4, "tag '!x' is not read here; write the plain value"),
    ("why: the problem", "why: 'x",
     4, "not YAML, while scanning a quoted scalar: found unexpected end of stream (line 10); is it closed?"),
    ("why: the problem", "why: a: b",
     4, "not YAML: mapping values are not allowed here; check indentation, colons and quotes"),
    ("why: the problem", "why: \u0001",
     4, "not YAML: a control character; write plain text"),
    ("    why: the problem", "    <<: {why: x}",
     4, "key '<<' is no text; put it in quotes"),
    ("vanilla-6.12:\n    source: {apt: linux-source-6.12}\n    why: the problem", "vanilla-6.12: linux",
     2, "vanilla-6.12: must be a mapping with the keys config, series, source, why, without, not the text 'linux'"),
]
# fmt: on


@pytest.mark.parametrize(("old", "new", "line", "message"), CASES)
def test_bad_input_is_one_line_that_says_where_what_and_what_would_be_right(
    checkout: Checkout, old: str, new: str, line: int, message: str
) -> None:
    load_kernels(checkout.root)
    checkout.change(FILE, old, new)
    with pytest.raises(SpecError) as caught:
        load_kernels(checkout.root)
    assert str(caught.value).startswith(f"{FILE}:{line}: {message}")
    assert "\n" not in str(caught.value)
