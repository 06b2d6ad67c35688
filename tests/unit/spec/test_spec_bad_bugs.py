# SPDX-License-Identifier: GPL-2.0-only
"""Each way to write bug files wrong, and the one line that a person is told about it."""

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import load_bug

# fmt: off
LOST = [  # what stood there, what a person wrote, the line, how the message starts
    ("title: Tables are lost\n", "",
     1, "missing key 'title': the bug in one line"),
    ("title: Tables are lost", "titel: Tables are lost",
     1, "unknown key 'titel'; did you mean 'title'? known: amplify, attempts, deadline, env, expect, guest, kernel,"),
    ("report: \"a@b.c\"", "report: ''",
     2, "report: says nothing; write a sentence"),
    ("scenario: benign/loop", "scenario: benign/lop",
     3, "unknown scenario 'benign/lop'; did you mean 'benign/loop'? known: benign/loop"),
    ("scenario: benign/loop", "scenario: suites/selftests-mm",
     3, "suites/selftests-mm is no scenario; name one like benign/dontneed-loop"),
    ("scenario: benign/loop", "scenario: my/loop.yaml",
     3, "no such file: my/loop.yaml (relative to the bug file); check the path"),
    ("scenario: benign/loop\n", "",
     1, "nothing is run; add one of scenario: NAME, workload: NAME and shell: |"),
    ("scenario: benign/loop", "scenario: benign/loop\nworkload: loop",
     4, "scenario and workload: only one of them can be run; keep one"),
    ("scenario: benign/loop", "shell: ls\nscenario: benign/loop",
     4, "scenario and shell: only one of them can be run; keep one"),
    ("scenario: benign/loop", "scenario: benign/loop\nphases: [start]",
     4, "phases: the scenario has its own; leave the key out"),
    ("scenario: benign/loop", "scenario: benign/loop\nmay_die: true",
     4, "may_die: the scenario has its own; leave the key out"),
    ("scenario: benign/loop", "scenario: benign/loop\nguest: minmal",
     4, "unknown guest 'minmal'; did you mean 'minimal'? known: minimal"),
    ("{step: 4KiB}", "{stp: 4KiB}",
     4, "unknown parameter 'stp'; did you mean 'step'? known: mode, rounds, span, step (of benign/loop)"),
    ("{step: 4KiB}", "{step: 4k}",
     4, "step: '4k' is not a size; sizes are written as 4KiB (B KiB MiB GiB TiB)"),
    ("{step: 4KiB}", "{rounds: many}",
     4, "rounds: 'many' is no whole number; write one like 4"),
    ("{step: 4KiB}", "{step: {small: 4KiB, full: 4k}}",
     4, "step.full: '4k' is not a size; sizes are written as 4KiB (B KiB MiB GiB TiB)"),
    ("memory: 2GiB", "memory: 2G",
     5, "memory: '2G' is not a size; sizes are written as 2GiB (B KiB MiB GiB TiB)"),
    ("kernel: vanilla-6.12", "kernel: vanila-6.12",
     6, "unknown kernel 'vanila-6.12'; did you mean 'vanilla-6.12'? known: ptreclaim-6.12, vanilla-6.12"),
    ("kernel: vanilla-6.12", "kernel: vanilla-6.12+debgu",
     6, "unknown flavour 'debgu'; did you mean 'debug'? known: debug, kcsan, ptreclaim (in kernel"),
    ("kernel: vanilla-6.12", "kernel: vanilla-6.12~lost",
     6, "kernel 'vanilla-6.12~lost' is made by the file of bug 'lost' alone; run it by ./tb reproduce bugs/lost"),
    ("kernel: vanilla-6.12\n", "",
     1, "missing key 'kernel': what it was reported on, like vanilla-6.12"),
    ("kernel: vanilla-6.12", "kernel: [vanilla-6.12]",
     6, "kernel: must be a kernel's name, {base: NAME, patches: [FILES], config: [FILES]} or {source: {...}, patches"),
    ("kernel: vanilla-6.12", "kernel: {base: vanilla-6.12, source: {apt: linux-source-6.12}}",
     6, "kernel: must be a kernel's name, {base: NAME, patches: [FILES], config: [FILES]} or {source: {...}, patches"),
    ("kernel: vanilla-6.12", "kernel: {base: vanilla-6.12}",
     6, "nothing goes on top of vanilla-6.12; write kernel: vanilla-6.12, or name patches or config"),
    ("[after.left_over.pte > 1000, exit.status == 0]", "after.left_ovr.pte > 1000",
     8, "unknown metric 'left_ovr.pte'; did you mean 'left_over.pte'? known: census.LEVEL.{tables,empty,zero,"),
    ("exit.status == 0]", "end.vmpte_kb > 1]",
     8, "phase 'end' of 'end.vmpte_kb' is not in phases: start, peak, after"),
    ("exit.status == 0]", "exit.status = 0]",
     8, "cannot read the expectation 'exit.status = 0'; write 'METRIC OP NUMBER' or 'METRIC OP FACTOR * METRIC'"),
    ("[after.left_over.pte > 1000, exit.status == 0]", "[]",
     8, "metric: is an empty list; name at least one"),
    ("metric:", "metrics:",
     8, "unknown key 'metrics'; did you mean 'metric'? known: crash, metric, said"),
    ("kind: kasan", "kind: kassan",
     9, "kind: unknown kind of crash 'kassan'; did you mean 'kasan'? known: atomic-sleep, bad-page, bug, double"),
    ("\"use-after-free in zap\"", "\"use-after-free (zap\"",
     9, "title: 'use-after-free (zap' is no regular expression: missing ), unterminated subpattern at position 15"),
    ("{kind: kasan, title: \"use-after-free in zap\"}", "{report: '*zap'}",
     9, "report: '*zap' is no regular expression: nothing to repeat at position 0"),
    ("{kind: kasan, title: \"use-after-free in zap\"}", "{}",
     9, "crash: any crash would do; say which by kind, title or report"),
    ("said: contents lost", "said: 'lost ['",
     10, "said: 'lost [' is no regular expression: unterminated character set at position 5"),
    ("said: contents lost", "said: .*",
     10, "said: '.*' is found in every text; write what only the bug says"),
    ("- said: contents lost", "- {}",
     10, "signature: an item is one of metric, crash and said, and this is empty; each item by itself is the bug"),
    ("- said: contents lost", "- said: contents lost\n    crash: {kind: bug}",
     10, "signature: an item is one of metric, crash and said, not crash and said; each item by itself is the bug"),
    ("amplify: {vcpus: 4", "attempts: 0\namplify: {vcpus: 4",
     11, "attempts: must be at least 1, not the number 0"),
    ("amplify: {vcpus: 4", "scale: ful\namplify: {vcpus: 4",
     11, "scale: unknown scale 'ful'; did you mean 'full'? known: full, small"),
    ("vcpus: 4", "vcpus: 0",
     11, "vcpus: must be at least 1, not the number 0"),
    ("vcpus: 4", "cpus: 4",
     11, "unknown key 'cpus'; did you mean 'vcpus'? known: host_cpus, icount, udelay, vcpus"),
    ("host_cpus: 1", "host_cpus: 0",
     11, "host_cpus: must be at least 1, not the number 0"),
    ("zap_pte_range: 50", "zap-pte: 50",
     11, "udelay: 'zap-pte' is no name of a C function; write one like zap_pte_range"),
    ("zap_pte_range: 50", "zap_pte_range: 0",
     11, "udelay: zap_pte_range: 0 µs; a delay is 1 to 10000 µs"),
    ("zap_pte_range: 50", "zap_pte_range: 10001",
     11, "udelay: zap_pte_range: 10001 µs; a delay is 1 to 10000 µs"),
    ("zap_pte_range: 50", "zap_pte_range: long",
     11, "zap_pte_range: must be a whole number, not the text 'long'"),
    ("icount: [0, 1]", "icount: [0, 11]",
     11, "icount: must be at most 10, not the number 11"),
    ("icount: [0, 1]", "icount: [-1]",
     11, "icount: must be at least 0, not the number -1"),
    ("icount: [0, 1]", "icount: [1, 1]",
     11, "icount: 1 stands there twice; attempts take the shifts in turn anyway"),
    ("icount: [0, 1]", "icount: 1",
     11, "icount: must be a list, like [a, b], not the number 1"),
    ("vanilla-6.12: reproduced", "vanilla-6.12: reproducd",
     13, "vanilla-6.12: must be 'reproduced' or 'gone', not the text 'reproducd'"),
    ("vanilla-6.12: reproduced", "vanilla-6.21: reproduced",
     13, "unknown kernel 'vanilla-6.21'; did you mean 'vanilla-6.12'? known: ptreclaim-6.12, vanilla-6.12"),
    ("vanilla-6.12: reproduced", "vanilla-6.12~lost: reproduced",
     13, "unknown kernel 'vanilla-6.12~lost'; known: none yet (kernels that this file makes)"),
    ("\"ptreclaim-*\"", "\"ptreclam-*\"",
     14, "pattern 'ptreclam-*' matches no kernel; did you mean 'ptreclaim-*'?"),
    ("{gap: upper levels}", "{gpa: upper levels}",
     14, "unknown key 'gpa'; did you mean 'gap'? known: gap"),
    ("{gap: upper levels}", "{gap: ''}",
     14, "gap: says nothing; write a sentence"),
]
OWN = [
    ("guest: minimal\n", "",
     1, "missing key 'guest': a guest of guests/, like minimal"),
    ("deadline: 60s\n", "",
     1, "missing key 'deadline': how long the cell may take on KVM, like 60s"),
    ("workload: own", "workload: owm",
     4, "unknown workload 'owm'; known: loop (guests/workloads/*.c, or owm.c beside the bug file)"),
    ("workload: own", "workload: ../own",
     4, "workload: '../own' is no name; names are letters, digits, '.', '_' and '-', like dontneed-loop"),
    ("  rounds: 3", "  Rounds: 3",
     7, "'Rounds' is no parameter's name; small letters, digits, '_' and '-', like span"),
    ("  rounds: 3", "  rounds: 2.5",
     7, "rounds: the number 2.5 is no parameter; write a size, a whole number, or text in quotes"),
    ("full: 50GiB", "full: much",
     6, "span: one scale has a word, the other a number; write both alike"),
    ("MALLOC_ARENA_MAX: 1", "MALLOC-ARENA: 1",
     8, "'MALLOC-ARENA' is no variable's name; letters, digits and '_', like MALLOC_CONF"),
    ("[start, end]", "[start, start]",
     9, "phases: 'start' stands there twice; each phase has a name of its own"),
    ("base: ptreclaim-6.12", "base: ptreclam-6.12",
     13, "unknown kernel 'ptreclam-6.12'; did you mean 'ptreclaim-6.12'? known: ptreclaim-6.12, vanilla-6.12"),
    ("  patches:", "  pathces:",
     14, "unknown key 'pathces'; did you mean 'patches'? known: base, config, patches"),
    ("[lost.patch, more.patch]", "[lots.patch]",
     14, "no such file: lots.patch (relative to the bug file); did you mean 'lost.patch'?"),
    ("[lost.patch, more.patch]", "[lost.patch, ./lost.patch]",
     14, "./lost.patch stands there twice; keep one"),
    ("[lost.patch, more.patch]", "[lost.patch, linux/lost.patch]",
     14, "another patch of this kernel is called lost.patch too; rename linux/lost.patch"),
    ("[lost.patch, more.patch]", "[0001-first.patch]",
     14, "another patch of this kernel is called 0001-first.patch too; rename 0001-first.patch"),
    ("[debug, more.config]", "[debgu, more.config]",
     15, "unknown flavour 'debgu'; did you mean 'debug'? known: debug, kcsan, ptreclaim (in kernel"),
    ("[debug, more.config]", "[moer.config]",
     15, "no such file: moer.config (relative to the bug file); did you mean 'more.config'?"),
    ("ptreclaim-6.12+debug~own-bug", "ptreclaim-6.12+debug~own-bgu",
     19, "unknown kernel 'ptreclaim-6.12+debug~own-bgu'; did you mean 'ptreclaim-6.12+debug~own-bug'? known: ptr"),
    ("ptreclaim-6.12+debug~own-bug", "ptreclaim-6.12~own-bug",
     19, "unknown kernel 'ptreclaim-6.12~own-bug'; did you mean 'ptreclaim-6.12+debug~own-bug'? known: ptr"),
]
SHELL = [
    ("shell: |\n  tb-phase start", "shell: ' '",
     4, "shell: says nothing; write a sentence"),
    ("{git: linux, commit: \"0123456789012345678901234567890123456789\"}", "{git: linux}",
     8, "source: missing key 'commit': all 40 hex digits of the commit"),
    ("{git: linux, commit: \"0123456789012345678901234567890123456789\"}", "linux",
     8, "source: must be one of {apt: PACKAGE}, {apt: PACKAGE, suite: SUITE}, {tarball: PATH_OR_URL, sha256: HEX},"),
    ("{git: linux, commit: \"0123456789012345678901234567890123456789\"}", "{tree: linux}",
     9, "a tree is used as it is, no series goes on top; leave the series out"),
    ("series: ptreclaim", "series: ptreclam",
     9, "unknown series 'ptreclam'; did you mean 'ptreclaim'? known: ptreclaim (folders below kernel/series/)"),
    ("config: [debug]", "config: [debgu]",
     10, "unknown config fragment 'debgu'; did you mean 'debug'? known: debug, kcsan, ptreclaim; or a file like"),
    ("config: [debug]", "config: [debug, debug]",
     10, "debug stands there twice; keep one"),
    ("[X86_5LEVEL]", "[X86_5LEVLE]",
     11, "option 'X86_5LEVLE': no fragment of this kernel (base.config, debug.config) asks for it; did you mean"),
    ("shell: |", "scenaro: |",
     4, "unknown key 'scenaro'; did you mean 'scenario'? known: amplify, attempts,"),
]
# fmt: on
CASES = [
    (f"scenarios/bugs/{name}.yaml", *case)
    for name, cases in (("lost", LOST), ("own-bug", OWN), ("in-shell", SHELL))
    for case in cases
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "line", "message"), CASES)
def test_bad_input_is_one_line_that_says_where_what_and_what_would_be_right(
    checkout: Checkout, file: str, old: str, new: str, line: int, message: str
) -> None:
    load_bug(checkout.root, checkout.root / file)
    checkout.change(file, old, new)
    with pytest.raises(SpecError) as caught:
        load_bug(checkout.root, checkout.root / file)
    assert str(caught.value).startswith(f"{file}:{line}: {message}")
    assert "\n" not in str(caught.value)


def test_a_workload_of_the_bug_and_of_the_guests_cannot_have_one_name(checkout: Checkout) -> None:
    checkout.write("guests/workloads/own.c", "")
    with pytest.raises(SpecError, match=r"^scenarios/bugs/own-bug.yaml:4: own.c stands beside the bug file and in"):
        load_bug(checkout.root, "bugs/own-bug")


def test_a_bug_file_among_the_scenarios_is_to_be_moved(checkout: Checkout) -> None:
    (checkout.root / "scenarios/bugs/lost.yaml").rename(checkout.root / "scenarios/benign/lost.yaml")
    with pytest.raises(SpecError, match=r"^scenarios/benign/lost.yaml:1: a bug's file stands in scenarios/bugs/ or"):
        load_bug(checkout.root, checkout.root / "scenarios/benign/lost.yaml")


def test_a_file_whose_name_can_name_nothing_is_to_be_renamed(checkout: Checkout) -> None:
    odd = (checkout.root / "scenarios/bugs/lost.yaml").rename(checkout.root / "scenarios/bugs/lost~2.yaml")
    with pytest.raises(SpecError, match=r"lost~2.yaml:1: 'lost~2' is no name; .*; rename the file$"):
        load_bug(checkout.root, odd)


def test_a_mistake_in_the_scenario_that_a_bug_runs_is_told_in_that_file(checkout: Checkout) -> None:
    checkout.change("scenarios/benign/loop.yaml", "guest: minimal", "guest: minmal")
    with pytest.raises(SpecError, match=r"^scenarios/benign/loop.yaml:3: unknown guest 'minmal'"):
        load_bug(checkout.root, "bugs/lost")
