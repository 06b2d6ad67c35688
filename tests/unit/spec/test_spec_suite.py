# SPDX-License-Identifier: GPL-2.0-only
"""Suites: what each test runs, and each way to write one wrong with the one line that a person is told."""

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import AptSource, Selftests, is_suite, load_guest, load_matrix, load_suite

FILE = "scenarios/suites/mm.yaml"
GUEST = """\
memory: 2GiB
selftests:
  source: {apt: linux-source-6.12}
  series: ptreclaim
  folders: [mm]
"""
SUITE = """\
source: the kernel's own
guest: selftests
folder: mm
kernels: [vanilla-6.12, ptreclaim-6.12]
baseline: vanilla-*
deadline: 20s
tests:
  mremap_test: {}
  ksm-merge:
    run: ksm_tests -M -p 10
    write: {/proc/sys/vm/nr_hugepages: 128}
    swap: true
    unprivileged: true
    deadline: 1min
  vmalloc: {skip: "a module"}
  khugepaged: {thorough: "minutes"}
"""


@pytest.fixture
def suites(checkout: Checkout) -> Checkout:
    checkout.write("guests/selftests.yaml", GUEST)
    checkout.write(FILE, SUITE)
    return checkout


def test_test_is_named_after_its_program_and_gets_what_it_asks_for(suites: Checkout) -> None:
    suite = load_suite(suites.root, "suites/mm")
    plain, ksm, *_ = suite.at("small")
    assert plain.label == "suites/mm:test=mremap_test"
    assert (plain.argv, plain.deadline_s) == (("--", "/selftests/mm/mremap_test"), 20)
    options = ("--write=/proc/sys/vm/nr_hugepages=128", "--swap", "--unprivileged")
    assert ksm.argv == (*options, "--", "/selftests/mm/ksm_tests", "-M", "-p", "10")
    assert (ksm.workload, ksm.guest, ksm.deadline_s) == ("selftest", "selftests", 60)


def test_reason_to_skip_and_the_baseline_travel_with_the_test(suites: Checkout) -> None:
    test = load_suite(suites.root, "suites/mm").at("full")[2].test
    assert test is not None
    assert (test.program, test.baseline, test.skip) == ("mm/vmalloc", "vanilla-*", "a module")


def test_thorough_test_runs_at_the_full_scale_alone(suites: Checkout) -> None:
    suite = load_suite(suites.root, "suites/mm")
    reasons = [bound.test.skip for scale in ("small", "full") for bound in suite.at(scale)[3:] if bound.test]
    assert reasons == ["minutes (it runs at --scale full)", ""]


def test_one_test_can_be_chosen_and_a_misspelt_one_is_told(suites: Checkout) -> None:
    suite = load_suite(suites.root, "suites/mm")
    assert [test.params for test in suite.at("small", {"test": "vmalloc"})] == [{"test": "vmalloc"}]
    with pytest.raises(SpecError, match="unknown test 'mremap'; did you mean 'mremap_test'"):
        suite.at("small", {"test": "mremap"})
    with pytest.raises(SpecError, match="unknown parameter 'tests'; did you mean 'test'"):
        suite.at("small", {"tests": "vmalloc"})


def test_suite_is_told_from_a_scenario_by_name_folder_or_tests(suites: Checkout) -> None:
    elsewhere = suites.write("mine.yaml", SUITE)
    for target in ("suites/mm", "suites/no-such", str(suites.root / FILE), str(elsewhere)):
        assert is_suite(suites.root, target), target
    for target in ("benign/loop", str(suites.root / "scenarios/benign/loop.yaml")):
        assert not is_suite(suites.root, target), target


def test_matrix_may_hold_a_suite_or_tests_of_it_once_each(suites: Checkout) -> None:
    text = "kernels: [vanilla-6.12]\nscenarios:\n  - suites/mm: {test: vmalloc}\n  - suites/mm: {test: ksm-merge}\n"
    suites.write("scenarios/matrices/some.yaml", text)
    assert len(load_matrix(suites.root, "some").scenarios) == 2
    suites.write("scenarios/matrices/some.yaml", f"{text}  - suites/mm\n")
    with pytest.raises(SpecError, match=r"some\.yaml:5: cell suites/mm:test=ksm-merge runs the same as line 4"):
        load_matrix(suites.root, "some")


def test_guest_says_where_its_selftests_come_from(suites: Checkout) -> None:
    wanted = Selftests(AptSource("linux-source-6.12"), "ptreclaim", ("mm",))
    assert load_guest(suites.root, "selftests").selftests == wanted


# fmt: off
CASES = [  # what stood there, what a person wrote, the line, how the message starts
    ("guest: selftests", "guest: selftest",
     2, "unknown guest 'selftest'; did you mean 'selftests'? known: minimal, selftests"),
    ("guest: selftests", "guest: minimal",
     2, "unknown folder 'mm'; known: none yet (selftests of guest minimal)"),
    ("mremap_test: {}", "mremap_test: {guest: minimal}",
     8, "unknown folder 'mm'; known: none yet (selftests of guest minimal)"),
    ("folder: mm", "folder: net",
     2, "unknown folder 'net'; known: mm (selftests of guest selftests)"),
    ("[vanilla-6.12, ptreclaim-6.12]", "[vanilla-6.12, ptreclaim-6.12+debg]",
     4, "unknown flavour 'debg'; did you mean 'debug'?"),
    ("deadline: 20s", "deadline: 20",
     6, "deadline: the number 20 is not a time; times are written as 30s (ms s min h)"),
    ("mremap_test: {}", "mremap_test: {swp: true}",
     8, "unknown key 'swp'; did you mean 'swap'? known: deadline, guest, run, skip, swap, thorough,"),
    ("mremap_test: {}", "mremap test: {}",
     8, "'mremap test' is no name; names are letters, digits, '.', '_' and '-'"),
    ("run: ksm_tests -M -p 10", "run: ../ksm_tests",
     10, "'../ksm_tests' is no name; names are letters, digits"),
    ("run: ksm_tests -M -p 10", "run: 5",
     10, "the number 5 is no command; write a program and its arguments, like ksm_tests -M -p 10"),
    ("{/proc/sys/vm/nr_hugepages: 128}", "{nr_hugepages: 128}",
     11, "'nr_hugepages' is no file of the guest; write a path like /proc/sys/vm/nr_hugepages"),
    ("{/proc/sys/vm/nr_hugepages: 128}", "{/proc/sys/vm/nr_hugepages: [1]}",
     11, "a list can't be written to a file; write a number, or text in quotes"),
    ('skip: "a module"', 'skip: ""',
     15, "says nothing; write a sentence"),
]
# fmt: on


@pytest.mark.parametrize(("old", "new", "line", "message"), CASES)
def test_bad_input_is_one_line_that_says_where_what_and_what_would_be_right(
    suites: Checkout, old: str, new: str, line: int, message: str
) -> None:
    load_suite(suites.root, "suites/mm")
    suites.change(FILE, old, new)
    with pytest.raises(SpecError) as caught:
        load_suite(suites.root, "suites/mm")
    assert str(caught.value).startswith(f"{FILE}:{line}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
