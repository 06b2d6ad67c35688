# SPDX-License-Identifier: GPL-2.0-only
"""The table of a suite: a row for each test, a column for each kernel, and what differs between them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from testbed.judge.regression import Difference, SuiteView, excused, suite_views
from testbed.report.reason import reason_of
from testbed.report.table import COLOURS

__all__ = ["suite_rows", "suite_summary", "suite_tables"]

Record = Mapping[str, Any]
# The worst of several attempts is shown: the first of these that is among them.
BAD = ("error", "crash", "hang", "fail", "flake")


def suite_tables(records: Sequence[Record]) -> list[Table]:
    """Give a table for each suite that records are of."""
    return [_table(view) for view in suite_views(records)]


def suite_rows(records: Sequence[Record]) -> list[str]:
    """Give the same tables as aligned plain text."""
    return [line for view in suite_views(records) for line in _plain(view)]


def suite_summary(records: Sequence[Record]) -> list[str]:
    """Say what differs from the baseline, what fails there too, and which tests were skipped for which reason."""
    forgiven = excused(records)
    return [line for view in suite_views(records) for line in _summary(view, forgiven)]


def _table(view: SuiteView) -> Table:
    table = Table(title=_title(view), title_justify="left", pad_edge=False, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("test", no_wrap=True)
    for kernel in view.kernels:
        table.add_column(escape(kernel))
    for test, by_kernel in view.tests.items():
        cells = [_coloured(by_kernel.get(kernel, ())) for kernel in view.kernels]
        table.add_row(escape(test), *cells)
    return table


def _plain(view: SuiteView) -> list[str]:
    rows = [("test", *view.kernels)]
    rows += [
        (test, *(_cell(by_kernel.get(kernel, ())) for kernel in view.kernels)) for test, by_kernel in view.tests.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [_title(view), *lines]


def _title(view: SuiteView) -> str:
    return f"{view.name} (verdict, subtests ok, of how many, seconds)"


def _coloured(attempts: Sequence[Record]) -> str:
    colour = COLOURS.get(_verdict(attempts), "red")
    return f"[{colour}]{escape(_cell(attempts))}[/]"


def _cell(attempts: Sequence[Record]) -> str:
    """``pass 23/25 4.1 s``; of several attempts the worst, and how many there were."""
    if not attempts:
        return "-"
    verdict = _verdict(attempts)
    record = next(record for record in attempts if record["verdict"] == verdict)
    subtests = record.get("subtests") or {}
    counted = f"{sum(outcome == 'ok' for outcome in subtests.values())}/{len(subtests)}" if subtests else ""
    times = sum(record["verdict"] == verdict for record in attempts)
    repeated = f"({times} of {len(attempts)})" if len(attempts) > 1 else ""
    took = f"{record['wall_s']:.1f} s" if record["wall_s"] else ""
    return " ".join(filter(None, (verdict, counted, repeated, took)))


def _verdict(attempts: Sequence[Record]) -> str:
    verdicts = [str(record["verdict"]) for record in attempts]
    return next((bad for bad in BAD if bad in verdicts), verdicts[0] if verdicts else "")


def _summary(view: SuiteView, forgiven: frozenset[str]) -> Iterator[str]:
    yield from _compared(view)
    for test, by_kernel in view.tests.items():
        skipped: dict[str, list[str]] = {}
        for kernel, attempts in by_kernel.items():
            for record in attempts:
                if record["verdict"] in BAD:
                    known = " (as on the baseline)" if _like_baseline(view, record, forgiven) else ""
                    yield f"{record['verdict'].upper()} {record['cell']}{known}: {reason_of(record)}"
                elif record["verdict"] == "skip" and kernel not in skipped.setdefault(record["reason"], []):
                    skipped[record["reason"]].append(kernel)
        for reason, kernels in skipped.items():
            where = "" if len(kernels) == len(view.kernels) else f" on {', '.join(kernels)}"
            yield f"SKIP {test}{where}: {reason}"


def _like_baseline(view: SuiteView, record: Record, forgiven: frozenset[str]) -> bool:
    return record["cell"] in forgiven and record["kernel"]["name"] != view.baseline


def _compared(view: SuiteView) -> Iterator[str]:
    others = [kernel for kernel in view.kernels if kernel != view.baseline]
    if view.baseline is None or not others:
        return
    differences = view.differences()
    worse = [difference for difference in differences if difference.worse]
    for kernel in others:
        if not any(difference.kernel == kernel for difference in worse):
            yield f"of {len(view.passing(kernel))} tests that pass on {view.baseline} none fails on {kernel}"
        if unknown := view.uncompared(kernel):
            yield f"NOT COMPARED on {kernel}: {', '.join(unknown)}"
    for difference in (*worse, *(found for found in differences if not found.worse)):
        yield _told(difference, view.baseline)


def _told(difference: Difference, baseline: str) -> str:
    word = "WORSE" if difference.worse else "differs"
    what = difference.test if difference.subtest is None else f"{difference.test}: {difference.subtest}"
    return f"{word} {what}: {difference.was} on {baseline}, {difference.now} on {difference.kernel}"
