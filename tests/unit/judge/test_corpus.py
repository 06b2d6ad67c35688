# SPDX-License-Identifier: GPL-2.0-only
"""Consoles of our own guests that died or seemed to, each with the right answer beside it (tests/corpus/README.md)."""

import random
from pathlib import Path

import pytest
from cases import CORPUS, TOLD, read

from testbed.judge.evidence import Evidence
from testbed.judge.scanner import Scanner
from testbed.judge.verdict import judge

CASES = sorted(folder for folder in CORPUS.iterdir() if folder.is_dir())
SEED = 20261123


def crashed(case: Path) -> bool:
    return "kind" in read(case)[1]


def told(case: Path) -> bool:
    """Whether the console had time to tell; some kernels die before it does, and their log was read from memory."""
    evidence, _ = read(case)
    scanner = Scanner()
    scanner.feed(evidence.console)
    return crashed(case) and scanner.first(evidence.refuted) is not None


CRASHES = [case for case in CASES if crashed(case)]
ON_CONSOLE = [case for case in CASES if told(case)]


def test_corpus_is_large_enough_to_mean_something():
    assert len(CASES) >= 40
    assert len({read(case)[1]["kind"] for case in CRASHES}) >= 15


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_is_right(case):
    evidence, answer = read(case)
    verdict = judge(evidence, [], None)
    assert verdict.kind == answer["verdict"], verdict.reason
    if verdict.crash is None:
        assert "kind" not in answer
        return
    crash = verdict.crash
    assert {key: getattr(crash, key) for key in TOLD} == {key: answer[key] for key in TOLD}


@pytest.mark.parametrize("case", CRASHES, ids=lambda case: case.name)
def test_reading_in_pieces_changes_nothing(case):
    evidence, _ = read(case)
    whole, pieces = Scanner(), Scanner()
    whole.feed(evidence.console)
    rest, dice = evidence.console, random.Random(SEED)
    while rest:
        size = dice.choice((1, 2, 7, 61, 500))
        pieces.feed(rest[:size])
        rest = rest[size:]
    assert pieces.found() == whole.found()


@pytest.mark.parametrize("case", ON_CONSOLE, ids=lambda case: case.name)
def test_console_that_is_cut_off_after_the_signature_is_still_that_crash(case):
    evidence, answer = read(case)
    scanner = Scanner()
    scanner.feed(evidence.console)
    first = scanner.first(evidence.refuted)
    lines = evidence.console.split("\n")
    start = sum(len(line) + 1 for line in lines[: first.line + 1])
    dice = random.Random(SEED)
    for cut in sorted(dice.randrange(start, len(evidence.console) + 1) for _ in range(10)):
        short = Evidence.of(evidence.record(), evidence.console[:cut])
        verdict = judge(short, [], None)
        assert (verdict.kind, verdict.crash.kind) == ("crash", answer["kind"])


@pytest.mark.parametrize("case", ON_CONSOLE, ids=lambda case: case.name)
def test_console_that_is_cut_off_before_the_signature_is_never_a_pass(case):
    evidence, _ = read(case)
    scanner = Scanner()
    scanner.feed(evidence.console)
    first = scanner.first(evidence.refuted)
    before = "\n".join(evidence.console.split("\n")[: first.line])
    silent = Evidence.of({**evidence.record(), "refuted": [], "exit": None, "loss": None, "harness": None}, before)
    assert judge(silent, [], None).kind == "error"
