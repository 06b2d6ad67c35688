# SPDX-License-Identifier: GPL-2.0-only
"""The files of a run for people and machines, all made from the lines of ``results.jsonl``."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.judge.drift import Drift
from testbed.judge.trend import Series
from testbed.run.formats import run_html, run_junit, run_kcidb, run_ktap
from testbed.store.durable import write_whole
from testbed.store.folder import RunFolder

__all__ = ["REPORTS", "write_reports"]

REPORTS = ("junit.xml", "report.ktap", "kcidb.json", "report.html")


def write_reports(
    folder: RunFolder, records: Sequence[dict[str, Any]], history: Sequence[tuple[Series, Drift]], into: Iterable[Path]
) -> None:
    """Write all formats into each of some folders, which are made if need be; each file whole."""
    header: Mapping[str, Any] = folder.header()
    texts = (
        run_junit(folder, header, records),
        run_ktap(folder, header, records),
        run_kcidb(folder, header, records),
        run_html(folder, header, records, history),
    )
    for place in into:
        place.mkdir(parents=True, exist_ok=True)
        for name, text in zip(REPORTS, texts, strict=True):
            write_whole(place / name, text)
