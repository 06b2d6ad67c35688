# SPDX-License-Identifier: GPL-2.0-only
"""JUnit XML of a run: a suite a kernel, guest and host, a case a cell; properties tell what a result was got with.

There is no one standard. This keeps to the strictest schema in use, that of Apache Ant's JUnitReport, and adds
``skipped``, which is younger and which every CI server reads.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from testbed.judge.regression import excused
from testbed.report.costs import cost_text
from testbed.report.reason import reason_of

__all__ = ["junit_xml"]

# A known gap is no failure of this run and no pass either: it is shown as skipped, with its reason. So is a test that
# fails on its suite's baseline too.
OUTCOMES = {"pass": None, "done": None, "gap": "skipped", "skip": "skipped", "error": "error"}
FAILURE = "failure"
# What XML 1.0 has no way to write, not even as a reference; a kernel's console holds any of it.
UNWRITABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Record = Mapping[str, Any]


def junit_xml(
    run: Mapping[str, Any], records: Sequence[Record], evidence: Callable[[Record], Sequence[str]] = lambda _: ()
) -> str:
    """Give the XML text for the lines of ``results.jsonl`` and the contents of ``run.json``.

    ``evidence`` gives the lines that stand in the text of a failure or an error.
    """
    suites: dict[str, list[Record]] = {}
    for record in records:
        alike = json.dumps([record.get(part) for part in ("kernel", "guest", "accel", "host")])
        suites.setdefault(alike, []).append(record)
    document = Element("testsuites")
    forgiven = excused(records)
    for number, alike_records in enumerate(suites.values()):
        document.append(_suite(run, number, alike_records, evidence, forgiven))
    ElementTree.indent(document)
    text: bytes = ElementTree.tostring(document, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _suite(
    run: Mapping[str, Any],
    number: int,
    records: Sequence[Record],
    evidence: Callable[[Record], Sequence[str]],
    forgiven: frozenset[str],
) -> Element:
    kernel, guest = records[0]["kernel"]["name"], records[0]["guest"]["name"]
    outcomes = [_outcome(record, forgiven) for record in records]
    suite = Element(
        "testsuite",
        name=_clean(f"{kernel}/{guest}"),
        package="testbed",
        id=str(number),
        # a run's id is the UTC time of its start; the format has no place for a time zone
        timestamp=datetime.strptime(run["run"][:16], "%Y%m%dT%H%M%SZ").isoformat(),
        hostname=_clean(str((records[0].get("host") or {}).get("name") or "localhost")),
        tests=str(len(records)),
        failures=str(outcomes.count(FAILURE)),
        errors=str(outcomes.count("error")),
        skipped=str(outcomes.count("skipped")),
        time=f"{sum(record['wall_s'] for record in records):.3f}",
    )
    properties = SubElement(suite, "properties")
    for name, value in _properties(run, records[0]):
        SubElement(properties, "property", name=_clean(name), value=_clean("" if value is None else str(value)))
    for record, outcome in zip(records, outcomes, strict=True):
        suite.append(_case(record, outcome, evidence))
    SubElement(suite, "system-out").text = _clean("\n".join(line for record in records for line in _numbers(record)))
    SubElement(suite, "system-err").text = ""
    return suite


def _properties(run: Mapping[str, Any], record: Record) -> Iterator[tuple[str, Any]]:
    yield "run", run["run"]
    yield "argv", shlex.join(run.get("argv", ()))
    for number, again in enumerate(run.get("resumed", ()), 1):
        yield f"resumed.{number}", f"{again['at']} {shlex.join(again['argv'])}"
    yield "tool", run.get("tool")
    for part, facts in (
        ("kernel", {**_kept(run, "kernels", record["kernel"]), **record["kernel"]}),
        ("guest", {**_kept(run, "guests", record["guest"]), **record["guest"]}),
        ("accel", record["accel"]),
        ("host", record.get("host") or run.get("host", {})),
    ):
        for key, value in facts.items():
            yield f"{part}.{key}", value


def _kept(run: Mapping[str, Any], kind: str, image: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what ``run.json`` knows of an image: the key that its content is kept under."""
    kept: Mapping[str, Any] = run.get(kind, {}).get(image["name"], {})
    return kept


def _case(record: Record, outcome: str | None, evidence: Callable[[Record], Sequence[str]]) -> Element:
    _, guest, label = record["cell"].split("/", 2)
    classname = f"{record['kernel']['name']}.{guest}"
    case = Element("testcase", name=_clean(label), classname=_clean(classname), time=f"{record['wall_s']:.3f}")
    verdict, reason = record["verdict"], reason_of(record)
    if outcome == "skipped":
        SubElement(case, outcome, message=_clean(f"{verdict}: {reason}"))
    elif outcome is not None:
        told = SubElement(case, outcome, message=_clean(reason), type=_clean(verdict))
        told.text = _clean("\n".join(evidence(record)))
    return case


def _outcome(record: Record, forgiven: frozenset[str]) -> str | None:
    if record["cell"] in forgiven:
        return "skipped"
    return OUTCOMES.get(record["verdict"], FAILURE)


def _numbers(record: Record) -> Iterator[str]:
    for phase, numbers in record["phases"].items():
        vmpte, left_over = numbers.get("vmpte_kb"), numbers.get("left_over_kb")
        yield f"{record['cell']}: {phase}: VmPTE {vmpte} kB, left over {left_over} kB"
    for operation, cost in (record.get("costs") or {}).items():
        yield f"{record['cell']}: {operation}: {cost_text(cost)}"


def _clean(text: str) -> str:
    """Show what XML cannot hold as Python would write it, with a backslash."""
    return UNWRITABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)
