# SPDX-License-Identifier: GPL-2.0-only
"""The HTML report of a run: one file that needs no network, made from the records and the folders of the cells."""

from collections.abc import Mapping, Sequence
from typing import Any

from testbed.judge.regression import excused
from testbed.report.html.cells import details, group_of, line
from testbed.report.html.costs import costs
from testbed.report.html.curves import curve, phase_pids, samples
from testbed.report.html.grades import grades
from testbed.report.html.head import head
from testbed.report.html.history import History, judged_series
from testbed.report.html.maps import Seen, pack, see
from testbed.report.html.page import as_json, charts, page
from testbed.report.html.suites import suites
from testbed.store.folder import RunFolder, census_path

__all__ = ["html_report"]

Record = Mapping[str, Any]


def html_report(folder: RunFolder, header: Mapping[str, Any], records: Sequence[Record], history: History = ()) -> str:
    """Give the page for a run's header and records; ``history`` are judged series, if there are any.

    A cell's folder may lack any file, or be gone: its panel then shows what the record holds.
    """
    forgiven = excused(records)
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(group_of(record), []).append(record)
    packed: dict[str, bytes] = {}
    for number, members in enumerate(groups.values()):
        packed[f"cells-{number}"], packed[f"maps-{number}"] = _group(folder, members)
    judged = judged_series(history)
    packed["history"] = as_json(judged).encode()
    data = {
        "head": head(header, records),
        "cells": [line(record, forgiven) for record in records],
        "groups": list(groups),
        "suites": suites(records, forgiven),
        "costs": costs(records),
        "grades": grades(folder),
        "history": {"of": judged["of"], "kinds": judged["kinds"]},
    }
    return page(f"Run {header['run']}", data, packed, charts())


def _group(folder: RunFolder, records: Sequence[Record]) -> tuple[bytes, bytes]:
    """Give the details of cells that are laid side by side, as JSON, and their maps."""
    shown = {}
    maps: dict[str, Seen] = {}
    for record in records:
        path = folder.cell(record["cell"])
        told = samples(path)
        shown[record["cell"]] = {**details(record, path), "curve": curve(told)}
        for phase, pid in phase_pids(told).items():
            seen = see(census_path(path, phase), pid)
            if seen is not None and len(seen.slot):
                maps[f"{record['cell']} {phase}"] = seen
    packed = pack(maps)
    return as_json({"cells": shown, "maps": packed.index}).encode(), packed.data
