# SPDX-License-Identifier: GPL-2.0-only
"""Regular expressions of Python's, as grep reads them."""

import re
import subprocess

import pytest

from testbed.judge.signature import SIGNATURES
from testbed.report.bundle.ere import NotPosix, literal, to_ere

LINES = """\
BUG: KASAN: use-after-free in zap_pte_range+0x1/0x20
BUG: Bad page state in process shapes  pfn:1a2b3
mm/memory.c:1234: bad pmd 00000000deadbeef(8000)
WARNING: CPU: 1 PID: 77 at mm/rmap.c:12 page_add+0x3/0x9 [x]
contents lost: 0x7f12 holds 0xdead
a-b c^d e]f g[h i{2} j\\k l/m
tab\there
{"a": [1, 2]} (x) $5 *y* a+b?
VmPTE 110g
""".splitlines()
ALIKE = (
    "BUG: KASAN",
    r"^BUG: \S+: use-after-free in \w+",
    r"pfn:[0-9a-f]{5}$",
    r"\d{4,}",
    r"bad p(?:te|md|ud) [\da-f]+\(",
    r"CPU: \d+? PID",
    r"(?P<file>\w+\.c):\d+",
    r"[^\w\s]{2}",
    r"[\]x]f",
    r"[a\-z] ?c",
    r"[-a]b",
    r"[^-a ]b",
    r"c[\^]d",
    r"c[\^x]d",
    r"[x\^]d",
    r"g[\[]h",
    r"i\{2\}",
    r"i{2}",
    r"i{,2}\{",
    r"j\\k",
    r"j[\\x]k",
    r"l\/m|tab\there",
    r"\[1, 2\]\} \(x\) \$5 \*y\* a\+b\?",
    r"[a-c]+\?",
    r"(holds|lost)+.*0x",
    r"^V\w+PTE\s\d+g$",
    r"[\t]here",
)


@pytest.mark.parametrize("expression", [*ALIKE, *(pattern for _, pattern in SIGNATURES)])
def test_grep_finds_what_python_finds(expression):
    grep = subprocess.run(
        ["grep", "-E", "--", to_ere(expression)], input="\n".join(LINES) + "\n", capture_output=True, text=True
    )
    assert grep.stderr == ""
    assert grep.stdout.splitlines() == [line for line in LINES if re.search(expression, line)]


@pytest.mark.parametrize("line", LINES)
def test_a_literal_is_found_where_it_stands_by_both(line):
    assert re.search(literal(line), line)
    assert not re.search(literal(line), "x".join(line))
    grep = subprocess.run(["grep", "-cE", "--", literal(line)], input=line + "\n", capture_output=True, text=True)
    assert (grep.stdout, grep.stderr) == ("1\n", "")
    assert to_ere(literal(line)) == literal(line)


@pytest.mark.parametrize(
    "expression", [r"\bword\b", "a(?=b)", "a(?!b)", "(?<=a)b", "(?i)bug", r"(a)\1", r"\Aa\Z", "a\nb", "a++", r"[\x41]"]
)
def test_what_posix_lacks_is_refused(expression):
    with pytest.raises(NotPosix):
        to_ere(expression)
