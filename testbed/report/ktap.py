# SPDX-License-Identifier: GPL-2.0-only
"""KTAP version 1 of a run: a test for each kernel and guest, below it the cells, below them subtests and costs.

The kernel's Documentation/dev-tools/ktap.rst has the format. What it leaves open is done as the kernel's own parsers
(kunit_parser.py, kselftest) read it: a known gap is ``ok`` with XFAIL, as it fails nothing; ``# Subtest:`` names a
level ahead of its result; and no ``#`` but the one before the directive stands alone, wherever a text has one.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from testbed.judge.ktap import NOT_OK, OK, SKIP, XFAIL
from testbed.judge.measured import label_of
from testbed.judge.regression import excused
from testbed.report.costs import cost_text
from testbed.report.reason import attempt_of, printable, reason_of

__all__ = ["ktap_text"]

Record = Mapping[str, Any]
Evidence = Callable[[Record], Sequence[str]]

VERSION = "KTAP version 1"
INDENT = "  "
# Verdict to result and directive; of a verdict without one the diagnostic is the verdict itself.
RESULTS = {
    "pass": (OK, ""),
    "done": (OK, ""),
    "skip": (OK, "SKIP"),
    "gap": (OK, "XFAIL"),
    "hang": (NOT_OK, "TIMEOUT"),
    "error": (NOT_OK, "ERROR"),
}
# Parsers take a parent for the sum of its subtests; of one that crashed behind the last of them this is one more.
ITSELF = "(the test as a whole)"
CODE = re.compile("%[0-9A-F]{2}")
SUBTESTS = {OK: (OK, ""), NOT_OK: (NOT_OK, ""), SKIP: (OK, "SKIP"), XFAIL: (OK, "XFAIL")}


@dataclass(frozen=True)
class _Test:
    """A result line; ``before`` are the lines that stand ahead of it, a level that is nested included."""

    name: str
    result: str
    directive: str = ""
    words: str = ""
    before: tuple[str, ...] = ()

    def line(self, number: int) -> str:
        told = " ".join(filter(None, (self.directive, _words(self.words))))
        return f"{self.result} {number} {_name(self.name)}" + (f" # {told}" if told else "")


def ktap_text(run: Mapping[str, Any], records: Sequence[Record], evidence: Evidence = lambda _: ()) -> str:
    """Give the text for the lines of ``results.jsonl`` and the contents of ``run.json``.

    ``evidence`` gives the lines that stand as diagnostics above a cell that did not end well. A cell that was planned
    and has no record is counted in its plan and has no result, so that whoever reads this misses it.
    """
    planned = dict.fromkeys([*run.get("cells", ()), *(record["cell"] for record in records)])
    forgiven = excused(records)
    groups: dict[str, tuple[list[str], list[Record]]] = {}
    for name in planned:
        groups.setdefault(_group_of(name), ([], []))[0].append(name)
    for record in records:
        groups[_group_of(record["cell"])][1].append(record)
    tests = [_group(run, name, cells, found, forgiven, evidence) for name, (cells, found) in groups.items()]
    return "\n".join(_level(tests, len(tests), _facts(run, records))) + "\n"


def _group_of(cell: str) -> str:
    kernel, guest, _ = cell.split("/", 2)
    return f"{kernel}/{guest}"


def _level(tests: Sequence[_Test], planned: int, facts: Sequence[str], name: str = "") -> Iterator[str]:
    """Give a version line, what is known of this level, the plan and the results; ``name`` is that of a parent."""
    yield VERSION
    if name:
        yield f"# Subtest: {_name(name)}"
    yield from _diagnostics(facts)
    yield f"1..{planned}" if planned else "1..0 # SKIP no cell has a record"
    for number, test in enumerate(tests, 1):
        yield from test.before
        yield test.line(number)


def _group(
    run: Mapping[str, Any],
    name: str,
    cells: Sequence[str],
    records: Sequence[Record],
    forgiven: frozenset[str],
    evidence: Evidence,
) -> _Test:
    tests = [_cell(record, forgiven, evidence) for record in records]
    facts = {**run.get("kernels", {}).get(name.partition("/")[0], {}), **(records[0]["kernel"] if records else {})}
    lines = [f"kernel: {', '.join(f'{key} {value}' for key, value in facts.items() if value is not None)}"]
    inner = tuple(INDENT + line for line in _level(tests, len(cells), lines, name))
    missing, bad = len(cells) - len(tests), sum(test.result == NOT_OK for test in tests)
    if missing:
        return _Test(name, NOT_OK, "ERROR", f"{missing} of {len(cells)} cells have no record", inner)
    if bad:
        return _Test(name, NOT_OK, "", f"{bad} of {len(cells)} cells failed", inner)
    skipped = all(test.directive == "SKIP" for test in tests)
    return _Test(name, OK, "SKIP" if skipped else "", "every cell was skipped" if skipped else "", inner)


def _cell(record: Record, forgiven: frozenset[str], evidence: Evidence) -> _Test:
    verdict, reason = record["verdict"], reason_of(record)
    result, directive = RESULTS.get(verdict, (NOT_OK, ""))
    words = reason if directive else f"{verdict}: {reason}"
    if record["cell"] in forgiven:
        result, directive, words = OK, "XFAIL", f"fails on the baseline of its suite too: {reason}"
    number = attempt_of(record)
    name = label_of(record) + (f" ({number})" if number > 1 else "")
    inner = [_excuse(child) if result == OK else child for child in _children(record)]
    if inner and result == NOT_OK and all(child.result == OK for child in inner):
        inner.append(_Test(ITSELF, result, directive, words))
    before = [INDENT + line for line in _level(inner, len(inner), (), name)] if inner else []
    if result == NOT_OK:
        before += _diagnostics([f"evidence: {line}" for line in evidence(record)])
    return _Test(name, result, directive, words, tuple(before))


def _children(record: Record) -> Iterator[_Test]:
    """Give the subtests that a test of a suite told of, or the costs that a bench counted."""
    for name, outcome in (record.get("subtests") or {}).items():
        yield _Test(name, *SUBTESTS[outcome])
    for operation, cost in (record.get("costs") or {}).items():
        over = cost.get("within") is False
        yield _Test(operation, NOT_OK if over else OK, "", f"{'over' if over else 'counted'}: {cost_text(cost)}")


def _excuse(child: _Test) -> _Test:
    """A parent fails if a child does; so where the parent is excused, its children are."""
    return _Test(child.name, OK, "XFAIL", child.words) if child.result == NOT_OK else child


def _facts(run: Mapping[str, Any], records: Sequence[Record]) -> list[str]:
    facts = [f"run: {run['run']}", f"argv: {shlex.join(run.get('argv', ()))}", f"tool: {run.get('tool')}"]
    facts += [f"resumed: {again['at']} {shlex.join(again['argv'])}" for again in run.get("resumed", ())]
    accels = dict.fromkeys((record["accel"]["kind"], record["accel"]["reason"]) for record in records)
    facts += [f"accelerator: {kind} ({reason})" for kind, reason in accels]
    hosts = dict.fromkeys((record.get("host") or {}).get("id") for record in records)
    return facts + [f"host: {host}" for host in hosts if host]


def _diagnostics(lines: Sequence[str]) -> list[str]:
    """Give the lines as comments; a tab is shown as the blanks that a terminal makes of it."""
    return [f"# {printable(line.expandtabs())}".rstrip() for line in lines]


def _words(text: str) -> str:
    """Escape what would be read as another directive: kunit_parser.py takes `` # SKIP`` wherever it stands."""
    return printable(text).replace("#", "\\#").strip()


def _name(text: str) -> str:
    """Write a description, which can be any text without ``#``: that, line ends and what parsers strip are coded.

    As in a URL, so that no two names become one.
    """
    return "".join(_coded(letter) if _misread(text, at) else letter for at, letter in enumerate(text)) or "(no name)"


def _misread(text: str, at: int) -> bool:
    letter = text[at]
    if letter == "%":
        return CODE.match(text, at) is not None
    return letter == "#" or not letter.isprintable() or (letter in " -" and at in (0, len(text) - 1))


def _coded(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
