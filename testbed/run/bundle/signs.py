# SPDX-License-Identifier: GPL-2.0-only
"""A cell that is no attempt at a bug, as if it were one: what it ended with is the sign that is looked for again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from testbed.errors import SpecError
from testbed.judge.expect import holds
from testbed.report.bundle.ere import literal
from testbed.report.bundle.script import plain
from testbed.run.bundle.reread import unbound
from testbed.run.plan import Cell
from testbed.spec import Amplify, BugSpec, CrashSign, Expectation, Outcome, Sign
from testbed.spec.expectation import Op, parse_expectation

__all__ = ["bug_of"]

ATTEMPTS = 3
LATE = "the workload was not done in|the guest's agent sent nothing for"
OPPOSITE: dict[str, Op] = {"<=": ">", ">=": "<", "<": ">=", ">": "<="}


def bug_of(cell: Cell, record: Mapping[str, Any]) -> BugSpec:
    """Give a bug whose signs are the verdict of a record; SpecError for a cell that has none."""
    scenario, reason = cell.scenario, record["reason"]
    return BugSpec(
        name=scenario.name,
        title=f"{record['verdict']}: {reason}" if reason else record["verdict"],
        report="",
        scenario=unbound(scenario),
        scale=scenario.scale,
        kernels=(),
        signs=_signs(cell, record),
        attempts=ATTEMPTS,
        amplify=Amplify(),
        outcomes={cell.kernel.name: Outcome("reproduced")},
        where=scenario.where,
    )


def _signs(cell: Cell, record: Mapping[str, Any]) -> tuple[Sign, ...]:
    verdict, reason, phases = record["verdict"], record["reason"], record["phases"]
    if verdict == "flake":
        # how it ended first is what somebody wants to see again
        verdict, reason, phases = record["first"]["verdict"], record["first"]["reason"], {}
    match verdict:
        case "crash" if record["crash"]:
            return (Sign(crash=CrashSign(record["crash"]["kind"], literal(record["crash"]["title"]))),)
        case "crash":
            return (Sign(said=literal(reason.partition(" (")[0])),)
        case "hang":
            return (Sign(said=LATE),)
        case "fail":
            return _failed(cell, record, reason, phases)
        case "gap":
            gap = cell.scenario.gap_for(cell.kernel.name)
            known = gap.expectations if gap else ()
            unmet = [each for each in known if holds(each, phases, record["exit"] or {}).met is False]
            return tuple(Sign(metrics=metrics) for each in unmet for metrics in _not(each))
        case "pass" | "done":
            met = cell.scenario.expectations_for(cell.kernel.name)
            ended = () if cell.scenario.may_die else (_number("exit.status", 0),)
            return (Sign(metrics=(*ended, *met)),) if met or ended else (Sign(metrics=(_number("exit.oom_kill", 0),)),)
    raise SpecError(f"{record['cell']}: {verdict}: {reason}; nothing was seen of the kernel that could be seen again")


def _failed(cell: Cell, record: Mapping[str, Any], reason: str, phases: Mapping[str, Any]) -> tuple[Sign, ...]:
    """Give the signs of a workload that ended badly, or of an expectation that was not met."""
    done = record["exit"] or {}
    if done.get("oom_kill") and not cell.scenario.may_die:
        return (Sign(metrics=(_number("exit.oom_kill", 1, ">="),)),)
    if done.get("signal") and not cell.scenario.may_die:
        return (Sign(said=literal(f"the workload was killed (signal {done['signal']})")),)
    if done.get("status"):
        return (Sign(metrics=(_number("exit.status", done["status"]),)),)
    expected = cell.scenario.expectations_for(cell.kernel.name)
    for each in expected:
        if holds(each, phases, done).met is False:
            return tuple(Sign(metrics=metrics) for metrics in _not(each))
    gap = cell.scenario.gap_for(cell.kernel.name)
    if gap is not None and phases and all(holds(each, phases, done).met for each in gap.expectations):
        return (Sign(metrics=gap.expectations),)
    return (Sign(said=literal(reason)),)


def _not(expectation: Expectation) -> Sequence[tuple[Expectation, ...]]:
    """Give the ways not to meet an expectation."""
    ways: tuple[Op, ...] = (">", "<") if expectation.op == "==" else (OPPOSITE[expectation.op],)
    return [(_with(expectation, op),) for op in ways]


def _with(expectation: Expectation, op: Op) -> Expectation:
    phases = [metric.partition(".")[0] for metric in (expectation.metric, expectation.other or "")]
    return parse_expectation(plain(replace(expectation, op=op)), phases, expectation.where)


def _number(metric: str, value: int, op: str = "==") -> Expectation:
    return parse_expectation(f"{metric} {op} {value}", (), "bundle.json")
