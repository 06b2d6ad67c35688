# SPDX-License-Identifier: GPL-2.0-only
"""A crash as the kernel's console tells it: kind, title, report, stack and fingerprint."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from testbed.judge.crashtype import crash_type
from testbed.judge.scanner import Found, Scanner
from testbed.judge.signature import Sighting, caller, unstamped
from testbed.judge.trace import Frame, fingerprint, frames, report_lines

__all__ = ["Crash", "find_crash", "same_crash"]

# What differs from one run to the next, in the order in which it is taken out of a title.
_VARIES: tuple[tuple[str, str], ...] = (
    (r"\+0x[0-9a-f]+/0x[0-9a-f]+", ""),
    (r"CPU: \d+ PID: \d+ ", ""),
    (r"(?:CPU#?|cpu )\d+(?:: )?", "CPU "),
    (r"stuck for \d+s", "stuck"),
    (r": \{ .*", ""),
    (r"kworker/\S+", "kworker"),
    (r"more than \d+ seconds", "too long"),
    (r"\[[^][]*:\d+\]", ""),
    (r"\b(task|process) (\S+?)(?::\d+)?(?=\s|$)", r"\1 \2"),
    (r"\b(?:0x)?[0-9a-f]{16}\b|(?<= at address )[0-9a-f]+", "ADDRESS"),
    (r"\b(pfn|pte|pmd|mm|val|pid):\s*\S+", ""),
    (r"\b(\S+)/\d+/0x[0-9a-f]+$", r"\1"),
    (r" +", " "),
)
_MESSAGE_BEFORE = re.compile(r"-{12}\[ cut here \]-{12}")
_SAYS_WHERE = re.compile(r" (?:in|at) [\w.]+")


@dataclass(frozen=True)
class Crash:
    """``title`` is one line without what differs between runs; ``report`` the console's lines, ``stack`` its frames.

    ``kind`` is that of the signature (``kasan``), ``type`` says more where there is more (``kasan:double-free``).
    """

    sighting: Sighting
    kind: str
    type: str
    title: str
    fingerprint: str
    stack: tuple[Frame, ...]
    report: tuple[str, ...]


def find_crash(console: str, refuted: Collection[Sighting] = ()) -> Crash | None:
    """Find the first sign of death or damage in a whole console that is not ``refuted``.

    >>> find_crash("[    1.500000] Kernel panic - not syncing: sysrq triggered crash").kind
    'panic'
    >>> find_crash("TB-NOTE BUG: quoted by a program") is None
    True
    """
    scanner = Scanner()
    scanner.feed(console)
    found = scanner.first(refuted)
    return _crash_at(console, found) if found else None


def same_crash(log: str, crash: Crash) -> Crash | None:
    """Find in ``log`` the crash whose signature a console showed: there its report may be longer."""
    scanner = Scanner()
    scanner.feed(log)
    found = next((found for found in scanner.found() if found.sighting == crash.sighting), None)
    return _crash_at(log, found) if found else None


def _crash_at(console: str, found: Found) -> Crash:
    """Give the crash whose signature was ``found`` in ``console``."""
    lines = console.replace("\r\n", "\n").split("\n")
    who = caller(lines[found.line])
    report = report_lines(lines, found.line)
    stack = frames(report, who)
    title = _title(found.sighting, [line for line in report if caller(line) == who], stack)
    kind = found.sighting.kind
    type_ = crash_type(kind, found.sighting.words)
    return Crash(found.sighting, kind, type_, title, fingerprint(kind, title, stack), tuple(stack), tuple(report))


def _title(sighting: Sighting, report: list[str], stack: list[Frame]) -> str:
    title = sighting.words
    if sighting.kind == "warn" and _MESSAGE_BEFORE.search(report[0]) and len(report) > 2:
        said = unstamped(report[1]).strip()
        if not said.startswith("WARNING: "):
            title += f": {said}"
    for pattern, instead in _VARIES:
        title = re.sub(pattern, instead, title)
    title = title.strip(" ,:.-!")
    at = next((frame.function for frame in stack if not frame.call), None)
    if at is not None and sighting.kind == "oops" and not _SAYS_WHERE.search(title):
        title += f" in {at}"
    return title
