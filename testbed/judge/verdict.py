# SPDX-License-Identifier: GPL-2.0-only
"""From the evidence of one cell to its verdict. Silence is never a pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testbed.judge.crash import find_crash
from testbed.judge.expect import holds
from testbed.spec import Expectation, Gap

__all__ = ["Evidence", "Verdict", "completion_token", "judge"]

FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3


@dataclass(frozen=True)
class Verdict:
    """One of design.md's verdicts, and the reason in one line."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Evidence:
    """What a cell left behind.

    ``exit`` is the agent's exit message (None if it never came), ``loss`` why the guest was lost, ``phases`` the
    records by phase name, ``wanted`` the phases that the scenario promises, ``words`` the workload's last on stderr.
    """

    nonce: str
    console: str
    wanted: Sequence[str]
    exit: Mapping[str, Any] | None = None
    loss: str | None = None
    phases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    words: str = ""


def completion_token(nonce: str, status: int | None, signal: int | None, phases: int) -> str:
    """Give the token that the agent owes at the end: FNV-1a (64 bits) over ``nonce:status:signal:phases``."""
    value = FNV_OFFSET
    for byte in f"{nonce}:{-1 if status is None else status}:{signal or 0}:{phases}".encode():
        value = (value ^ byte) * FNV_PRIME & 0xFFFF_FFFF_FFFF_FFFF
    return f"{value:016x}"


def judge(evidence: Evidence, expectations: Sequence[Expectation], gap: Gap | None, may_die: bool = False) -> Verdict:
    """Judge a cell; the order of the checks is the order of what matters most."""
    return _survived(evidence, may_die) or _measured(evidence) or _met(evidence, expectations, gap)


def _survived(evidence: Evidence, may_die: bool) -> Verdict | None:
    crash = find_crash(evidence.console)
    if crash is not None:
        return Verdict("crash", f"{crash.kind}: {crash.title}")
    if evidence.loss is not None:
        for kind in ("hang", "crash"):
            if evidence.loss.startswith(f"{kind}: "):
                return Verdict(kind, evidence.loss.removeprefix(f"{kind}: "))
        return Verdict("crash", evidence.loss)
    done = evidence.exit
    if done is None:
        return Verdict("error", "the guest sent no completion token")
    status, signal, phases = done.get("status"), done.get("signal"), done.get("phases", 0)
    if done.get("token") != completion_token(evidence.nonce, status, signal, phases):
        return Verdict("error", "the completion token is not that of this run's nonce")
    if signal is not None and not may_die:
        killed = " by the OOM killer" if done.get("oom_kill") else ""
        return Verdict("fail", f"the workload was killed{killed} (signal {signal})")
    if status not in (0, None):
        words = f": {evidence.words}" if evidence.words else ""
        return Verdict("fail", f"the workload's own checks failed (exit status {status}){words}")
    missing = [phase for phase in evidence.wanted if phase not in evidence.phases]
    if missing and not may_die:
        return Verdict("error", f"phase {missing[0]} never came")
    return None


def _measured(evidence: Evidence) -> Verdict | None:
    for name, phase in evidence.phases.items():
        if phase.get("agree") is False:
            return Verdict("error", f"{name}: the channels disagree: {phase['disagreement']}")
    return None


def _met(evidence: Evidence, expectations: Sequence[Expectation], gap: Gap | None) -> Verdict:
    reasons = []
    for expectation in expectations:
        outcome = holds(expectation, evidence.phases, evidence.exit or {})
        if outcome.met is None:
            return Verdict("error", f"{expectation.text}: {outcome.text}")
        if not outcome.met:
            return Verdict("fail", outcome.text)
        reasons.append(outcome.text)
    if gap is not None:
        outcomes = [holds(expectation, evidence.phases, evidence.exit or {}) for expectation in gap.expectations]
        unknown = next((outcome for outcome in outcomes if outcome.met is None), None)
        if unknown is not None:
            return Verdict("error", f"{gap.where}: {unknown.text}")
        unmet = [outcome.text for outcome in outcomes if not outcome.met]
        if unmet:
            return Verdict("gap", f"{gap.reason} ({'; '.join(unmet)})")
        return Verdict("fail", f"gap closed, take it out of {gap.where}: {'; '.join(o.text for o in outcomes)}")
    return Verdict("pass", "; ".join(reasons)) if reasons else Verdict("done", "measured, nothing expected")
