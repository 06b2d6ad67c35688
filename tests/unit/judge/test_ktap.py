# SPDX-License-Identifier: GPL-2.0-only
"""The reader of KTAP, against outputs that a generator wrote down together with what they mean."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.judge.ktap import NOT_OK, OK, SKIP, XFAIL, Result, parse_ktap

# what the tests of mm print, shortened
KSELFTEST = """\
TAP version 13
# [INFO] detected THP size: 2048 KiB
1..4
ok 1 test_prot_read
not ok 2 Shared mapping: MADV_POPULATE_READ
ok 3 # SKIP Too few arguments
Bad line that is nothing
ok 4 # XFAIL known to be so
# Totals: pass:1 fail:1 xfail:1 xpass:0 skip:1 error:0
"""
NESTED = """\
KTAP version 1
1..2
  KTAP version 1
  1..2
  # first: starts
  ok 1 first
  not ok 2 second # TIMEOUT 30 seconds
not ok 1 outer
ok 2 alone # SKIP not here
"""


def parse(text: str):
    return parse_ktap(text.splitlines())


def test_kselftests_own_dialect_is_read():
    ktap = parse(KSELFTEST)
    assert [(result.name, result.outcome) for result in ktap.results] == [
        ("test_prot_read", OK),
        ("Shared mapping: MADV_POPULATE_READ", NOT_OK),
        ("Too few arguments", SKIP),
        ("known to be so", XFAIL),
    ]
    assert (ktap.promised, ktap.missing) == (4, 0)


def test_subtests_are_named_after_their_parent_whose_line_comes_later():
    ktap = parse(NESTED)
    assert ktap.results == (
        Result("outer/first", OK),
        Result("outer/second", NOT_OK, "30 seconds"),
        Result("outer", NOT_OK),
        Result("alone", SKIP, "not here"),
    )
    assert ktap.missing == 0


def test_test_that_ends_early_owes_what_it_promised():
    assert parse("TAP version 13\n1..3\nok 1 a\n").missing == 2


def test_plan_of_no_tests_and_giving_up_have_their_words():
    assert parse("TAP version 13\n1..0 # SKIP no huge pages\n").skipped == "no huge pages"
    assert parse("TAP version 13\nBail out! mmap: Out of memory (12)\n").bail == "mmap: Out of memory (12)"


def test_plan_does_for_a_version_line_that_was_forgotten():
    assert [result.name for result in parse("[RUN] x\n1..1\nok 1 a\n").results] == ["a"]


def test_lines_before_a_version_line_are_another_programs_words():
    ktap = parse("ok 1 a\nBail out! really\n")
    assert (ktap.results, ktap.promised, ktap.bail) == ((), None, None)
    assert ktap.last == "Bail out! really"


def test_name_that_comes_again_is_told_apart():
    text = "TAP version 13\nok 1 a\nnot ok 2 a\nok 3 a (2)\n"
    assert [result.name for result in parse(text).results] == ["a", "a (2)", "a (2) (2)"]


def test_hash_that_does_not_stand_alone_is_part_of_the_name():
    ktap = parse("TAP version 13\nok 1 - page #3 of \\# 5 # rc=0\nnot ok 2\n")
    assert ktap.results == (Result("page #3 of # 5", OK, "rc=0"), Result("(no name)", NOT_OK))


WORDS = st.lists(st.sampled_from(["page", "#1", "ok", "not", "1..3", "MADV_FREE", "-x", "a/b", "12"]), max_size=3)
NAMES = WORDS.map(lambda words: " ".join(["t", *words]))
DIRECTIVES = st.sampled_from([("ok", "", OK), ("not ok", "", NOT_OK), ("ok", " # SKIP why", SKIP)])
LEAVES = st.tuples(NAMES, DIRECTIVES, st.just(()))
TREES = st.recursive(
    LEAVES, lambda children: st.tuples(NAMES, DIRECTIVES, st.lists(children, min_size=1, max_size=3)), max_leaves=12
)
NOISE = st.sampled_from(["# a word", "", "[ RUN ] x", "okay 3", "nothing ok 1", "\tok 1 tab", "not okay"])


def written(trees, noise, depth=0):
    indent = "  " * depth
    lines = [f"{indent}KTAP version 1", f"{indent}1..{len(trees)}"]
    for number, (name, (said, directive, _), children) in enumerate(trees, 1):
        if children:
            lines += written(children, noise, depth + 1)
        lines += [noise.draw(NOISE), f"{indent}{said} {number} {name}{directive}"]
    return lines


def meant(trees, above=""):
    found = []
    for name, (_, _, outcome), children in trees:
        found += [*meant(children, f"{above}{name}/"), (f"{above}{name}", outcome)]
    return found


# a host that is busy is no failure of the reader
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees=st.lists(TREES, min_size=1, max_size=4), noise=st.data())
def test_what_was_written_is_what_is_read(trees, noise):
    ktap = parse_ktap(written(trees, noise))
    expected, seen = [], {}
    for name, outcome in meant(trees):
        seen[name] = seen.get(name, 0) + 1
        expected.append((name if seen[name] == 1 else f"{name} ({seen[name]})", outcome))
    assert [(result.name, result.outcome) for result in ktap.results] == expected
    assert ktap.promised == len(expected)


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=20))
def test_no_output_breaks_the_reader(lines):
    ktap = parse_ktap(["TAP version 13", *lines])
    assert len({result.name for result in ktap.results}) == len(ktap.results)
