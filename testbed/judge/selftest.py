# SPDX-License-Identifier: GPL-2.0-only
"""The verdict on one of the kernel's selftests: by how it ended and by what its KTAP tells."""

from collections.abc import Sequence

from testbed.judge.evidence import Evidence
from testbed.judge.ktap import NOT_OK, OK, SKIP, XFAIL, Ktap
from testbed.judge.verdict import Verdict, killed, survived

__all__ = ["judge_selftest"]

# tools/testing/selftests/kselftest.h
KSFT_SKIP = 4
NAMED = 3


def judge_selftest(evidence: Evidence, ktap: Ktap) -> Verdict:
    """Judge a test whose guest may have died; exit status and KTAP must both be content for a pass."""
    return survived(evidence) or killed(evidence) or _told(evidence, ktap)


def _told(evidence: Evidence, ktap: Ktap) -> Verdict:
    status = (evidence.exit or {}).get("status")
    failed = ktap.named(NOT_OK)
    if failed:
        return Verdict("fail", f"{len(failed)} of {len(ktap.results)} subtests not ok: {_some(failed)}")
    if ktap.bail is not None and status != KSFT_SKIP:
        return Verdict("fail", f"gave up: {ktap.bail}")
    if status == KSFT_SKIP or (status == 0 and ktap.skipped is not None and not ktap.results):
        return Verdict("skip", _why_skipped(evidence, ktap))
    if status != 0:
        words = evidence.words or ktap.last
        return Verdict("fail", f"exit status {status}{f': {words}' if words else ''}")
    if ktap.missing:
        return Verdict("fail", f"{len(ktap.results)} of {ktap.promised} subtests told their result")
    if ktap.results and len(ktap.named(SKIP)) == len(ktap.results):
        return Verdict("skip", _why_skipped(evidence, ktap))
    return Verdict("pass", _counted(ktap))


def _why_skipped(evidence: Evidence, ktap: Ktap) -> str:
    """Give the test's own words; most put them into the last line of their output."""
    told = [result.words or result.name for result in ktap.results if result.outcome == SKIP]
    why = ktap.bail or ktap.skipped or (_some(told) if told else "") or evidence.words or ktap.last
    return why or "the test says so (exit status 4), and not why"


def _counted(ktap: Ktap) -> str:
    if not ktap.results:
        return "exit status 0"
    counts = [(len(ktap.named(outcome)), word) for outcome, word in ((OK, "ok"), (SKIP, "skipped"), (XFAIL, "xfail"))]
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return "; ".join(names[:NAMED]) + more
