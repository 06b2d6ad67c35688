# SPDX-License-Identifier: GPL-2.0-only
"""KCIDB I/O JSON of a run, schema version 5.3: what KernelCI's common database takes from a CI system.

A checkout is a kernel's source with its patches, a build a kernel by content, a test a cell; so a kernel that two runs
had is the same object in both. A cell's number is what was left over at its end, in bytes; each operation of a bench is
a test of its own, in instructions. All other numbers stay in ``results.jsonl``: a database of all the kernel's tests is
no place for two hundred figures a cell.

KCIDB has no status for a failure that was expected. A known gap is a failure with an incident of an issue, which is how
it tells a known failure from a new one; a pass would say that the kernel does what it does not.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from testbed.errors import SpecError
from testbed.judge.measured import label_of, run_start
from testbed.judge.regression import excused
from testbed.report.reason import attempt_of, is_suite, reason_of

__all__ = ["ORIGIN", "kcidb_json", "kcidb_report"]

Record = Mapping[str, Any]
Evidence = Callable[[Record], Sequence[str]]

#: What submits, where nothing else is said; KernelCI gives each CI system a name of its own.
ORIGIN = "testbed"
MAJOR, MINOR = 5, 3
# The root of the tests' paths.
ROOT = "pgtable_reclaim"
STATUS = {"pass": "PASS", "done": "DONE", "skip": "SKIP", "error": "ERROR"}
BAD = ("FAIL", "ERROR")
# Nothing ran, so there is no number.
NOT_RUN = ("SKIP", "MISS")
EXCERPT = 16384
SHOWN = ("vmpte_kb", "needed_kb", "left_over_kb", "pagetables_kb")
# Issues are told in one form: what is known of one never changes under its id.
ISSUE_VERSION = 1


def kcidb_json(
    run: Mapping[str, Any], records: Sequence[Record], evidence: Evidence = lambda _: (), origin: str = ORIGIN
) -> str:
    """Give :func:`kcidb_report` as text."""
    return json.dumps(kcidb_report(run, records, evidence, origin), indent=2, allow_nan=False) + "\n"


def kcidb_report(
    run: Mapping[str, Any], records: Sequence[Record], evidence: Evidence = lambda _: (), origin: str = ORIGIN
) -> dict[str, Any]:
    """Give the JSON object for the lines of ``results.jsonl`` and the contents of ``run.json``.

    ``evidence`` gives the lines that become the excerpt of a failure's or an error's log; SpecError for an ``origin``
    that the schema has no place for. Ids of tests and incidents hold the run's id: an origin needs one folder of runs.
    """
    if not re.fullmatch("[a-z0-9_]+", origin):
        raise SpecError(f"--origin {origin}: KCIDB's names have lower-case letters, digits and _ only, like {ORIGIN}")
    report = _Report(run, evidence, origin, excused(records))
    for record in records:
        report.add(record)
    return {"version": {"major": MAJOR, "minor": MINOR}, **{name: [*kept.values()] for name, kept in report.all()}}


class _Report:
    """Collects objects, each once by its id."""

    def __init__(self, run: Mapping[str, Any], evidence: Evidence, origin: str, forgiven: frozenset[str]) -> None:
        self._run, self._evidence, self._origin, self._forgiven = run, evidence, origin, forgiven
        self._kept: dict[str, dict[str, dict[str, Any]]] = {
            name: {} for name in ("checkouts", "builds", "tests", "issues", "incidents")
        }

    def all(self) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
        yield from self._kept.items()

    def add(self, record: Record) -> None:
        build = self._build(record["kernel"])
        unavailable = record["kernel"]["name"] in self._run.get("unavailable", {})
        status = "MISS" if unavailable else STATUS.get(record["verdict"], "FAIL")
        test = self._keep("tests", f"{self._run['run']}/{record['cell']}", self._test(record, build, status))
        for operation, cost in (record.get("costs") or {}).items():
            name = f"{self._run['run']}/{record['cell']}/{operation}"
            self._keep("tests", name, self._cost(record, build, operation, cost))
        if issue := self._issue(record):
            told = {
                "issue_id": issue,
                "issue_version": ISSUE_VERSION,
                "test_id": test,
                "present": True,
                "comment": reason_of(record),
            }
            self._keep("incidents", f"{self._run['run']}/{record['cell']}", told)

    def _keep(self, kind: str, name: str, known: Mapping[str, Any]) -> str:
        """Keep an object unless it is there, and give its id; what is not known is left out, as null is not allowed."""
        key = f"{self._origin}:{_text(name)}"
        self._kept[kind].setdefault(key, _known({"id": key, "origin": self._origin, **known}))
        return key

    def _build(self, named: Mapping[str, Any]) -> str:
        kernel = {**self._run.get("kernels", {}).get(named["name"], {}), **named}
        name, lack = named["name"], self._run.get("unavailable", {}).get(named["name"])
        version, patches = kernel.get("source_version") or kernel.get("release"), kernel.get("patchset_hash")
        # of a source that was not had nobody knows the content: it is that of this run
        here = f"{self._run['run']}/{name}"
        checkout = self._keep(
            "checkouts",
            here if version is None else f"{version}+{patches}" if patches else str(version),
            {
                **_commit(str(version or "")),
                "patchset_hash": None if version is None else patches or "",
                "comment": lack or (f"Linux {kernel.get('release')}, source {version}" if version else None),
                "valid": version is not None,
                "misc": _known({"source_version": version}),
            },
        )
        known = {
            "checkout_id": checkout,
            "architecture": "x86_64",
            "compiler": kernel.get("compiler"),
            "config_name": name,
            "status": "MISS" if version is None else "PASS",
            "comment": lack or f"{name}, Linux {kernel.get('release')}",
            "misc": _known({fact: kernel.get(fact) for fact in ("key", "config_hash", "build_id", "release")}),
        }
        return self._keep("builds", kernel.get("key") or here, known)

    def _test(self, record: Record, build: str, status: str) -> dict[str, Any]:
        phases = record["phases"]
        numbers = {name: _known({key: phase.get(key) for key in SHOWN}) for name, phase in phases.items()}
        last = phases.get("pressed") or phases.get("after") or {}
        left_over = last.get("left_over_kb") if status not in NOT_RUN else None
        more = {
            "attempt": attempt_of(record),
            "phases": numbers or None,
            "first": record.get("first"),
            "exit": record.get("exit"),
            "values": record.get("values") or None,
            "crash": record.get("crash"),
            "subtests": record.get("subtests"),
            "as_on_baseline": True if is_suite(record) and record["cell"] in self._forgiven else None,
        }
        return {
            **self._common(record, build, _path(label_of(record)), more),
            "status": status,
            "comment": reason_of(record),
            "duration": record["wall_s"],
            "number": None if left_over is None else {"value": left_over << 10, "unit": "B", "prefix": "binary"},
            "log_excerpt": _excerpt(self._evidence(record)) if status in BAD else None,
        }

    def _cost(self, record: Record, build: str, operation: str, cost: Mapping[str, Any]) -> dict[str, Any]:
        status = {True: "PASS", False: "FAIL", None: "DONE"}[cost.get("within")]
        more = {"attempt": attempt_of(record), **{key: cost[key] for key in cost if key != "instructions"}}
        return {
            **self._common(record, build, _path(f"{label_of(record)}/{operation}"), more),
            "status": status,
            "number": {"value": cost["instructions"], "unit": "instructions"},
        }

    def _common(self, record: Record, build: str, path: str, more: Mapping[str, Any]) -> dict[str, Any]:
        guest, accel = record["guest"], record["accel"]
        told = {"run": self._run["run"], "run_start": run_start(self._run), "tool": self._run.get("tool")}
        named = {name: record[name] for name in ("cell", "verdict", "scenario")}
        return {
            "build_id": build,
            "path": path,
            "environment": {
                "comment": f"guest {guest['name']} on QEMU with {accel['kind']} ({accel['reason']})",
                "misc": _known(
                    {"host": record.get("host") or self._run.get("host"), "accelerator": accel, "guest": guest}
                ),
            },
            "misc": _known({**told, "kernel": record["kernel"]["name"], **named, **more}),
        }

    def _issue(self, record: Record) -> str | None:
        """Keep the issue that a cell met, if it is one that others may meet: a crash, or what a kernel can't do yet."""
        if crash := record.get("crash"):
            name, what = f"crash/{crash['fingerprint']}", f"{crash['kind']}: {crash['title']}"
            known = {"fingerprint": crash["fingerprint"], "kind": crash["kind"], "frames": crash.get("frames")}
        elif record["verdict"] == "gap":
            kernel, label = record["kernel"]["name"], label_of(record)
            name, what = f"gap/{kernel}/{label}", f"known gap of {kernel}: {label}"
            known = {"kernel": kernel, "scenario": record["scenario"]["name"]}
        else:
            return None
        culprit = {"code": True, "tool": False, "harness": False}
        told = {"version": ISSUE_VERSION, "report_subject": what, "comment": what, "culprit": culprit}
        return self._keep("issues", name, {**told, "misc": _known(known)})


def _commit(version: str) -> dict[str, str]:
    """Give what the schema calls a commit, where the source is one; a tarball or a folder has none to name."""
    kind, _, commit = version.partition(":")
    if kind != "git":
        return {}
    return {"git_commit_hash": commit} if len(commit) == 40 else {"git_commit_name": commit}


def _path(label: str) -> str:
    """Give the dotted path of a test: ``benign/emptied:way=fork`` is ``pgtable_reclaim.benign.emptied.way_fork``."""
    parts = (re.sub("[^a-zA-Z0-9_-]+", "_", part) for part in re.split("[/:]", label))
    return ".".join((ROOT, *filter(None, parts)))


def _excerpt(lines: Sequence[str]) -> str | None:
    """Give the end of what was said, in whole lines as far as there are any, and no longer than the schema allows."""
    text = _text("\n".join(lines)).encode()
    if len(text) > EXCERPT:
        text = text[-EXCERPT:]
        text = text[text.find(b"\n") + 1 :]
    return text.decode(errors="ignore") or None


def _known(value: Any) -> Any:
    """Leave out what is None, at any depth, and make all text such as the schema takes."""
    if isinstance(value, Mapping):
        return {_text(str(key)): _known(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_known(inner) for inner in value]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """Show the character that the schema forbids, and halves of characters, as Python would write them."""
    return re.sub("[\0\ud800-\udfff]", lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)
