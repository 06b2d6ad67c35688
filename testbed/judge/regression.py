# SPDX-License-Identifier: GPL-2.0-only
"""One kernel's tests beside another's: what passes on a suite's baseline must fail nowhere else.

A function of records. The baseline is the first kernel of a suite that its pattern matches. A failure that the
baseline has as well is no matter of the kernel under test; so it is excused, unless it is a worse one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from testbed.judge.ktap import NOT_OK, OK

__all__ = ["Difference", "SuiteView", "differences", "excused", "suite_views"]

Record = Mapping[str, Any]
# From best to worst; what is in no list (error, flake) is compared with nothing.
RANKS = {"pass": 0, "skip": 0, "fail": 1, "hang": 2, "crash": 3}
MISSING = "not told"


@dataclass(frozen=True)
class Difference:
    """A test, or a subtest of it, that came out otherwise than on the baseline; ``worse`` is a regression."""

    test: str
    subtest: str | None
    kernel: str
    was: str
    now: str
    worse: bool


@dataclass(frozen=True)
class SuiteView:
    """The records of one suite: by test, then by kernel, the attempts; ``baseline`` is None if not run."""

    name: str
    kernels: tuple[str, ...]
    baseline: str | None
    tests: Mapping[str, Mapping[str, Sequence[Record]]]

    def passing(self, kernel: str) -> tuple[str, ...]:
        """Give the tests that pass on the baseline, each time, and can be compared with that kernel."""
        unknown = self.uncompared(kernel)
        compared = {test: by_kernel for test, by_kernel in self.tests.items() if test not in unknown}
        return tuple(test for test, by_kernel in compared.items() if _worst(by_kernel[self.baseline or ""]) == "pass")

    def uncompared(self, kernel: str) -> tuple[str, ...]:
        """Give the tests of which nobody knows how they end on the baseline, or on that kernel."""
        sides = (self.baseline or "", kernel)
        return tuple(
            test
            for test, by_kernel in self.tests.items()
            if not all(_judged(by_kernel.get(side, ())) for side in sides)
        )

    def differences(self) -> list[Difference]:
        """Give what differs from the baseline, in the order of tests and kernels."""
        if self.baseline is None:
            return []
        return [
            difference
            for test, by_kernel in self.tests.items()
            for kernel in self.kernels
            if kernel != self.baseline
            for difference in differences(test, kernel, by_kernel.get(self.baseline, ()), by_kernel.get(kernel, ()))
        ]


def suite_views(records: Sequence[Record]) -> list[SuiteView]:
    """Give a view of each suite that records are of; records of scenarios are left out."""
    suites: dict[str, list[Record]] = {}
    for record in records:
        if "baseline" in record.get("scenario", ()):
            suites.setdefault(record["scenario"]["name"], []).append(record)
    return [_view(name, members) for name, members in suites.items()]


def excused(records: Sequence[Record]) -> frozenset[str]:
    """Give the cells that failed and need not worry: the baseline's own, and those no worse than the baseline's.

    A suite that ran on one kernel alone has nothing to be held against: none of its failures is excused.
    """
    return frozenset(cell for view in suite_views(records) for cell in _excused(view))


def _view(name: str, records: Sequence[Record]) -> SuiteView:
    kernels = tuple(dict.fromkeys(record["kernel"]["name"] for record in records))
    baseline = next((kernel for kernel in kernels if fnmatchcase(kernel, records[0]["scenario"]["baseline"])), None)
    tests: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        test = tests.setdefault(str(record["scenario"]["params"]["test"]), {})
        test.setdefault(record["kernel"]["name"], []).append(record)
    return SuiteView(name, kernels, baseline, tests)


def _excused(view: SuiteView) -> Iterator[str]:
    if view.baseline is None or len(view.kernels) < 2:
        return
    worse = {(difference.test, difference.kernel) for difference in view.differences() if difference.worse}
    for test, by_kernel in view.tests.items():
        failed_there = _rank(by_kernel.get(view.baseline, ())) > 0
        for kernel, attempts in by_kernel.items():
            if kernel == view.baseline or (failed_there and (test, kernel) not in worse):
                yield from (record["cell"] for record in attempts if RANKS.get(record["verdict"], 0) > 0)


def differences(test: str, kernel: str, was: Sequence[Record], now: Sequence[Record]) -> Iterator[Difference]:
    """Compare the attempts at a test; a test or subtest passes where it does so in each attempt.

    It fails where it does so in any: one that is unsteady on the baseline proves nothing, one that is unsteady on
    another kernel alone does.
    """
    if not _judged(was) or not _judged(now):
        return
    before, after = _worst(was), _worst(now)
    worse = RANKS[after] > RANKS[before]
    if before != after:
        yield Difference(test, None, kernel, before, after, worse)
    failed = RANKS[after] > 0
    subtests = _subtests(was)
    subtests_now = _paired(subtests, _subtests(now))
    for name, outcome in subtests.items():
        then = subtests_now.get(name, MISSING)
        if then == outcome:
            continue
        lost = outcome == OK and (then == NOT_OK or (then == MISSING and failed))
        yield Difference(test, name, kernel, outcome, then, lost)
    for name, outcome in subtests_now.items():
        if name not in subtests:
            yield Difference(test, name, kernel, MISSING, outcome, outcome == NOT_OK and RANKS[before] == 0)


def _judged(attempts: Sequence[Record]) -> bool:
    return bool(attempts) and all(record["verdict"] in RANKS for record in attempts)


def _worst(attempts: Sequence[Record]) -> str:
    verdicts = [str(record["verdict"]) for record in attempts]
    # of pass and skip the skip: a test that was skipped once did not pass each time
    return max(verdicts, key=lambda verdict: (RANKS[verdict], verdict == "skip"))


def _rank(attempts: Sequence[Record]) -> int:
    return max((RANKS.get(record["verdict"], 0) for record in attempts), default=0)


def _subtests(attempts: Sequence[Record]) -> dict[str, str]:
    """Give the outcome of each subtest: ``ok`` where it is so in all attempts, else the worst that it was."""
    outcomes: dict[str, list[str]] = {}
    for record in attempts:
        for name, outcome in (record.get("subtests") or {}).items():
            outcomes.setdefault(name, []).append(outcome)
    return {name: _one(told, len(attempts)) for name, told in outcomes.items()}


def _paired(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Give the outcomes of ``now`` under the names of ``was``.

    Some names hold a size or a time that differs from run to run. Two names that stand at the same place, each unknown
    to the other side, are one subtest.
    """
    names = list(was)
    return {
        (names[at] if name not in was and at < len(names) and names[at] not in now else name): outcome
        for at, (name, outcome) in enumerate(now.items())
    }


def _one(told: Sequence[str], attempts: int) -> str:
    if NOT_OK in told:
        return NOT_OK
    if len(told) < attempts:
        return MISSING
    return next((outcome for outcome in told if outcome != OK), OK)
