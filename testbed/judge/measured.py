# SPDX-License-Identifier: GPL-2.0-only
"""From the records of runs to series: every number of a record under the name that it has in history."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from testbed.judge.trend import VERDICT, Point, Series, SeriesKey
from testbed.spec.metrics import METRICS

__all__ = ["COST", "TIMES", "label_of", "measured", "points", "run_start", "series_of"]

Record = Mapping[str, Any]

#: Prefix of what a bench counted, in instructions an operation.
COST = "cost."
#: Seconds, as far as the host is as fast as the one of another day.
TIMES = ("wall_s", "start_s")


def label_of(record: Record) -> str:
    """Give the scenario with its parameters, as the cell is named: no kernel, guest or attempt.

    At full scale ``@full`` follows, as the numbers of another scale are others.
    """
    label: str = record["cell"].split("/", 2)[2].rpartition("#")[0]
    return f"{label}@full" if record.get("scenario", {}).get("scale") == "full" else label


def measured(record: Record) -> dict[str, float]:
    """Give every number of a record that history keeps, by metric; none of a cell that did not run."""
    found: dict[str, float] = {}
    for phase, numbers in record["phases"].items():
        for metric in METRICS:
            value = _at(numbers, metric)
            if isinstance(value, (int, float)):
                found[f"{phase}.{metric}"] = value
    for operation, cost in (record.get("costs") or {}).items():
        # what chance adds to a boot it adds to one: the lower boot repeats ten times better than the mean of the two
        found[f"{COST}{operation}"] = cost["instructions"] * (1 - (cost.get("repeat_error") or 0.0) / 2)
    if record["start_s"] is not None:
        found |= {metric: record[metric] for metric in TIMES}
    return found


def run_start(header: Mapping[str, Any]) -> str:
    """Give when a run began, in ISO 8601 and UTC; it is the first part of its id."""
    return datetime.strptime(header["run"][:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).isoformat()


def points(header: Mapping[str, Any], record: Record) -> Iterator[tuple[SeriesKey, Point]]:
    """Give what a record adds to history: a point for each metric, and one for its verdict."""
    kernel, guest = record["kernel"], record["guest"]["name"]
    label, at = label_of(record), run_start(header)
    values: dict[str, float | None] = {VERDICT: None, **measured(record)}
    for metric, value in values.items():
        yield (
            SeriesKey(label, kernel["name"], guest, metric),
            Point(
                run=header["run"],
                at=at,
                cell=record["cell"],
                value=value,
                verdict=record["verdict"],
                kernel_key=_key(header, "kernels", kernel["name"]),
                patchset_hash=kernel.get("patchset_hash"),
                source_version=kernel.get("source_version", ""),
                guest_key=_key(header, "guests", guest),
                host=(record.get("host") or {}).get("id", ""),
                accel=record["accel"]["kind"],
            ),
        )


def series_of(runs: Iterable[tuple[Mapping[str, Any], Iterable[Record]]]) -> list[Series]:
    """Give the series of some runs (header, records), sorted by key."""
    found: dict[SeriesKey, list[Point]] = {}
    for header, records in runs:
        for record in records:
            for key, point in points(header, record):
                found.setdefault(key, []).append(point)
    return [Series.of(key, found[key]) for key in sorted(found)]


def _key(header: Mapping[str, Any], kind: str, name: str) -> str:
    key: str = header.get(kind, {}).get(name, {}).get("key", "")
    return key


def _at(numbers: Mapping[str, Any], metric: str) -> Any:
    """Find ``a.b.c`` in nested mappings; None where there is none."""
    value: Any = numbers
    for name in metric.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
