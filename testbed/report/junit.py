# SPDX-License-Identifier: GPL-2.0-only
"""JUnit XML of a run: a suite a kernel, a case a cell, with what a result needs to be understood as properties."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

__all__ = ["junit_xml"]

# A known gap is no failure of this run and no pass either: it is shown as skipped, with its reason.
SKIPPED = ("gap", "skip")
GOOD = ("pass", "done")


def junit_xml(run: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> str:
    """Give the XML text for the lines of ``results.jsonl`` and the contents of ``run.json``."""
    document = JUnitXml("testbed")
    suites: dict[str, TestSuite] = {}
    for record in records:
        name = record["kernel"]["name"]
        if name not in suites:
            suites[name] = _suite(run, record)
        suites[name].add_testcase(_case(record))
    for suite in suites.values():
        document.add_testsuite(suite)
    buffer = io.BytesIO()
    document.write(buffer, pretty=True)
    return buffer.getvalue().decode()


def _suite(run: Mapping[str, Any], record: Mapping[str, Any]) -> TestSuite:
    suite = TestSuite(record["kernel"]["name"])
    properties = {
        "run": run.get("run"),
        "argv": " ".join(run.get("argv", ())),
        "tool": run.get("tool"),
        **{f"kernel.{key}": value for key, value in record["kernel"].items()},
        **{f"accel.{key}": value for key, value in record["accel"].items()},
        **{f"host.{key}": value for key, value in run.get("host", {}).items()},
    }
    for key, value in properties.items():
        suite.add_property(key, "" if value is None else str(value))
    return suite


def _case(record: Mapping[str, Any]) -> TestCase:
    _, guest, label = record["cell"].split("/", 2)
    case = TestCase(label, f"{record['kernel']['name']}.{guest}", record["wall_s"])
    verdict, reason = record["verdict"], record["reason"]
    if verdict in SKIPPED:
        case.result = [Skipped(f"{verdict}: {reason}", verdict)]
    elif verdict == "error":
        case.result = [Error(reason, verdict)]
    elif verdict not in GOOD:
        case.result = [Failure(reason, verdict)]
    case.system_out = "\n".join(
        f"{phase}: VmPTE {numbers.get('vmpte_kb')} kB, left over {numbers.get('left_over_kb')} kB"
        for phase, numbers in record["phases"].items()
    )
    return case
