# SPDX-License-Identifier: GPL-2.0-only
"""What a selftest printed: KTAP version 1, and TAP version 13 as kselftest.h writes it.

Documentation/dev-tools/ktap.rst of the kernel has the format. Lines that are none of it are allowed anywhere and mean
nothing. Results count only behind a version line, or a plan, as some tests forget the version: what another program
prints is not taken for them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

__all__ = ["NOT_OK", "OK", "SKIP", "XFAIL", "Ktap", "Result", "parse_ktap"]

OK, NOT_OK, SKIP, XFAIL = "ok", "not ok", "skip", "xfail"
_VERSION = re.compile(r"\s*K?TAP version \d+\s*")
_PLAN = re.compile(r"\s*1\.\.(\d+)\s*(?:#\s*SKIP\b\s*(?P<why>.*))?", re.IGNORECASE)
_BAIL = re.compile(r"\s*Bail out!\s*(.*)")
_RESULT = re.compile(r"(?P<indent> *)(?P<result>ok|not ok)\b(?:\s+\d+\b)?(?:\s+-(?=\s|$))?(?P<rest>.*)")
_DIRECTIVE = re.compile(r"(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b:?\s*(.*)", re.IGNORECASE)
_ALONE = re.compile(r"(?<!\S)#(?!\S)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_INDENT = 2


@dataclass(frozen=True)
class Result:
    """One result line: ``outcome`` is ``ok``, ``not ok``, ``skip`` or ``xfail`` (failed, as it was known to)."""

    name: str
    outcome: str
    words: str = ""


@dataclass(frozen=True)
class Ktap:
    """All results, subtests as ``PARENT/NAME``, each name once.

    ``promised`` is how many results the plans announce (None without a plan), ``bail`` the words of a test that gave
    up, ``skipped`` those of a plan of no tests, ``last`` the last line, of whatever kind, uncoloured.
    """

    results: tuple[Result, ...] = ()
    promised: int | None = None
    bail: str | None = None
    skipped: str | None = None
    last: str = ""

    @property
    def missing(self) -> int:
        """How many results were announced and never told."""
        return max(0, (self.promised or 0) - len(self.results))

    def named(self, outcome: str) -> tuple[str, ...]:
        """Give the names of the results with that outcome."""
        return tuple(result.name for result in self.results if result.outcome == outcome)


@dataclass
class _Reader:
    """Collects results; those of a subtest wait, with their depth, for the line of their parent."""

    found: list[tuple[int, Result]] = field(default_factory=list)
    promised: int | None = None
    bail: str | None = None
    skipped: str | None = None
    begun: bool = False

    def take(self, line: str) -> None:
        if _VERSION.fullmatch(line):
            self.begun = True
        elif plan := _PLAN.fullmatch(line):
            self.begun = True
            self.promised = (self.promised or 0) + int(plan[1])
            if not int(plan[1]) and plan["why"] is not None:
                self.skipped = plan["why"].strip()
        elif not self.begun:
            return
        elif bail := _BAIL.fullmatch(line):
            self.bail = self.bail or bail[1].strip() or "no reason given"
        elif told := _RESULT.fullmatch(line):
            self._result(len(told["indent"]) // _INDENT, _result(told["result"], told["rest"]))

    def _result(self, depth: int, result: Result) -> None:
        for at in range(len(self.found) - 1, -1, -1):
            inner, child = self.found[at]
            if inner <= depth:
                break
            self.found[at] = (depth, replace(child, name=f"{result.name}/{child.name}"))
        self.found.append((depth, result))


def parse_ktap(lines: Sequence[str]) -> Ktap:
    """Read the lines of a test's output."""
    reader = _Reader()
    for line in lines:
        reader.take(line.rstrip())
    results: dict[str, Result] = {}
    for _, result in reader.found:
        name, times = result.name, 1
        while name in results:
            times += 1
            name = f"{result.name} ({times})"
        results[name] = replace(result, name=name)
    plain = (_COLOUR.sub("", line).strip() for line in reversed(lines))
    last = next(filter(None, plain), "")
    return Ktap(tuple(results.values()), reader.promised, reader.bail, reader.skipped, last)


def _result(said: str, rest: str) -> Result:
    """Give the result of a line; kselftest.h puts the name of a skipped test behind the directive."""
    name, commented, words = _split(rest)
    outcome = said
    if commented and (directive := _DIRECTIVE.fullmatch(words)):
        word, words = directive[1].upper(), directive[2].strip()
        if word == "SKIP":
            outcome = SKIP
        elif word in ("TODO", "XFAIL"):
            outcome = XFAIL
        else:
            outcome = NOT_OK
        name = name or words
    return Result(name or "(no name)", outcome, words)


def _split(rest: str) -> tuple[str, bool, str]:
    """Part description and diagnostic at the first ``#`` that stands alone and has no backslash before it."""
    alone = _ALONE.search(rest)
    before, words = (rest[: alone.start()], rest[alone.end() :]) if alone else (rest, "")
    return before.replace("\\#", "#").strip(), alone is not None, words.strip()
