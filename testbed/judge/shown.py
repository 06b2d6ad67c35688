# SPDX-License-Identifier: GPL-2.0-only
"""Whether one attempt showed the bug that it was at: by the bug's own signs, not by having gone wrong somehow."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from testbed.judge.evidence import Evidence
from testbed.judge.expect import holds
from testbed.judge.signature import unstamped
from testbed.judge.verdict import Verdict
from testbed.spec import CrashSign, Expectation, Sign

__all__ = ["Shown", "shows"]

NO_SIGN = "no sign of it"
LONGEST_LINE = 200


@dataclass(frozen=True)
class Shown:
    """``shown`` is None where that could not be judged; ``sign`` is one line that says by what, or what was instead."""

    shown: bool | None
    sign: str


def shows(
    signs: Sequence[Sign], evidence: Evidence, verdict: Verdict, crash_report_text: str = "", output_text: str = ""
) -> Shown:
    """Look for the signs in what a cell left; any of them will do.

    A crash is the verdict's, which is the first that the kernel told of: what it says after that one is its
    consequence. ``crash_report_text`` is that crash's report, decoded and as printed, ``output_text`` what the workload
    printed, a line for each of its lines. Regular expressions are searched for, ``^`` and ``$`` being ends of a line;
    the kernel's lines are taken without printk's stamp.

    Where no sign was found, and one of them asks for a number that was not measured, nothing is known; nor is it of a
    cell that could not be judged.
    """
    if verdict.kind == "skip" or (verdict.kind == "error" and evidence.harness is not None):
        return Shown(None, verdict.reason)  # its words are the testbed's, where an expression may match by chance
    found = [_look(sign, evidence, verdict, crash_report_text, output_text) for sign in signs]
    for each in found:
        if each.shown:
            return each
    if verdict.kind == "error":
        return Shown(None, verdict.reason)
    other = _other_end(verdict)
    for each in found:
        if each.shown is None:
            return Shown(None, "; ".join(filter(None, (other, each.sign))))
    numbers = "; ".join(each.sign for each in found if each.sign)
    return Shown(False, other or numbers or NO_SIGN)


def _look(sign: Sign, evidence: Evidence, verdict: Verdict, report: str, output: str) -> Shown:
    if sign.metrics:
        return _measured(sign.metrics, evidence)
    if sign.crash is not None:
        return _crashed(sign.crash, verdict, report)
    return _said(sign.said or "", [verdict.reason, *output.splitlines(), *_kernel_lines(evidence)])


def _measured(metrics: Sequence[Expectation], evidence: Evidence) -> Shown:
    """All conditions must hold; one that does not settles it, whatever was not measured."""
    outcomes = [holds(each, evidence.phases, evidence.exit or {}) for each in metrics]
    unmet = [outcome for outcome in outcomes if outcome.met is False]
    unknown = [outcome for outcome in outcomes if outcome.met is None]
    shown = False if unmet else None if unknown else True
    return Shown(shown, "; ".join(outcome.text for outcome in unmet or unknown or outcomes))


def _crashed(sign: CrashSign, verdict: Verdict, report: str) -> Shown:
    crash = verdict.crash
    if crash is None or sign.kind not in (None, crash.kind):
        return Shown(False, "")
    for pattern, text in ((sign.title, crash.title), (sign.report, "\n".join(map(unstamped, report.splitlines())))):
        if pattern is not None and not re.search(pattern, text, re.MULTILINE):
            return Shown(False, "")
    return Shown(True, f"{crash.kind}: {crash.title}")


def _said(pattern: str, lines: Iterable[str]) -> Shown:
    expression = re.compile(pattern)
    line = next((line for line in lines if expression.search(line)), None)
    return Shown(False, "") if line is None else Shown(True, line.strip()[:LONGEST_LINE])


def _kernel_lines(evidence: Evidence) -> Iterable[str]:
    """Give the console's lines, then those of the log that was read from memory, without printk's stamp."""
    for text in (evidence.console, evidence.log):
        yield from map(unstamped, text.splitlines())


def _other_end(verdict: Verdict) -> str:
    """Say how the cell ended if not well, and not by a sign of the bug."""
    match verdict.kind:
        case "crash":
            return f"another crash: {verdict.reason}"
        case "hang" | "fail":
            return f"another end: {verdict.kind}: {verdict.reason}"
    return ""
