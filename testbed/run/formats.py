# SPDX-License-Identifier: GPL-2.0-only
"""A run's folder in the formats that other programs read, with the evidence that its cells left."""

from collections.abc import Mapping, Sequence
from typing import Any

from testbed.judge.drift import Drift
from testbed.judge.trend import Series
from testbed.report.evidence import evidence, what_was_said
from testbed.report.html import html_report
from testbed.report.junit import junit_xml
from testbed.report.kcidb import ORIGIN, kcidb_json
from testbed.report.ktap import ktap_text
from testbed.store.folder import RunFolder

__all__ = ["run_html", "run_junit", "run_kcidb", "run_ktap"]

Header = Mapping[str, Any]
Records = Sequence[Mapping[str, Any]]


def run_html(folder: RunFolder, header: Header, records: Records, history: Sequence[tuple[Series, Drift]] = ()) -> str:
    """Give the page of a run, with its history where there is one."""
    return html_report(folder, header, records, history)


def run_junit(folder: RunFolder, header: Header, records: Records) -> str:
    """Give the JUnit XML of a run, with the evidence of each cell that failed."""
    return junit_xml(header, records, lambda record: evidence(folder.cell(record["cell"]), record))


def run_ktap(folder: RunFolder, header: Header, records: Records) -> str:
    """Give the KTAP of a run, with the evidence of each cell that failed."""
    return ktap_text(header, records, lambda record: evidence(folder.cell(record["cell"]), record))


def run_kcidb(folder: RunFolder, header: Header, records: Records, origin: str = ORIGIN) -> str:
    """Give the KCIDB JSON of a run; it leaves this host, so no path of the host is in its excerpts.

    SpecError for an ``origin`` that KCIDB has no place for.
    """
    return kcidb_json(header, records, lambda record: what_was_said(folder.cell(record["cell"]), record), origin)
