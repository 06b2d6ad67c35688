# SPDX-License-Identifier: GPL-2.0-only
"""From the evidence of one cell to its verdict. Silence is never a pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from testbed.judge.crash import Crash, find_crash, same_crash
from testbed.judge.evidence import Evidence
from testbed.judge.expect import holds
from testbed.judge.oom import oom_kills
from testbed.judge.taint import damage
from testbed.spec import Expectation, Gap

__all__ = ["EXPECTED", "FLAKE", "Verdict", "completion_token", "ended_well", "judge", "killed", "survived"]

#: Verdicts of a cell that ended as it should.
EXPECTED = ("pass", "gap", "done", "skip")
#: Of a cell that did not, and did when it was run again.
FLAKE = "flake"

FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3


@dataclass(frozen=True)
class Verdict:
    """One of design.md's verdicts, the reason in one line, and the kernel's crash if there was one."""

    kind: str
    reason: str
    crash: Crash | None = None


def ended_well(record: Mapping[str, Any]) -> bool:
    """Tell whether a cell of that record ended as it should.

    An attempt that shows the bug it was made to show does, however the guest died of it; whether the bug should be
    there at all is a matter of its grade.
    """
    return record["verdict"] in EXPECTED or (record.get("shown") or {}).get("shown") is True


def completion_token(nonce: str, status: int | None, signal: int | None, phases: int) -> str:
    """Give the token that the agent owes at the end: FNV-1a (64 bits) over ``nonce:status:signal:phases``."""
    value = FNV_OFFSET
    for byte in f"{nonce}:{-1 if status is None else status}:{signal or 0}:{phases}".encode():
        value = (value ^ byte) * FNV_PRIME & 0xFFFF_FFFF_FFFF_FFFF
    return f"{value:016x}"


def judge(evidence: Evidence, expectations: Sequence[Expectation], gap: Gap | None, may_die: bool = False) -> Verdict:
    """Judge a cell; the order of the checks is the order of what matters most."""
    return survived(evidence) or _ended(evidence, may_die) or _measured(evidence) or _met(evidence, expectations, gap)


def survived(evidence: Evidence) -> Verdict | None:
    """Give the verdict where the guest did not come through, or where that is not known; None where it did."""
    crash = _crash(evidence)
    if crash is not None:
        return Verdict("crash", f"{crash.kind}: {crash.title}", crash)
    if evidence.loss is not None:
        return Verdict("hang" if evidence.hung else "crash", evidence.loss)
    if evidence.harness is not None:
        return Verdict("error", evidence.harness)
    done = evidence.exit
    if done is None:
        return Verdict("error", "the guest sent no completion token")
    status, signal, phases = done.get("status"), done.get("signal"), done.get("phases", 0)
    if done.get("token") != completion_token(evidence.nonce, status, signal, phases):
        return Verdict("error", "the completion token is not that of this run's nonce")
    broken = damage(evidence.tainted, done.get("tainted", evidence.tainted))
    if broken:
        return Verdict("crash", f"taint: the kernel notes {', '.join(broken)}, and its console does not say why")
    return None


def _ended(evidence: Evidence, may_die: bool) -> Verdict | None:
    done = evidence.exit or {}
    return _ended_well(evidence, done) if not may_die else _said_well(evidence, done)


def _crash(evidence: Evidence) -> Crash | None:
    """What the console tells, in the kernel's own log where that was read: levels that are not printed are there too.

    A kernel that dies while another CPU prints may have had no chance to print its last words.
    """
    told = find_crash(evidence.console, evidence.refuted)
    if told is None:
        return find_crash(evidence.log)
    return same_crash(evidence.log, told) or told


def killed(evidence: Evidence) -> Verdict | None:
    """Give the verdict on a workload that nothing may kill and that something killed."""
    done = evidence.exit or {}
    signal, kills = done.get("signal"), done.get("oom_kill", 0)
    if kills:
        whom = "; ".join(kill.text for kill in oom_kills(evidence.console)) or "the console does not say whom"
        what = f"the workload was killed by the OOM killer (signal {signal})" if signal else _survivor(kills)
        return Verdict("fail", f"{what}: {whom}")
    if signal is not None:
        return Verdict("fail", f"the workload was killed (signal {signal})")
    return None


def _ended_well(evidence: Evidence, done: Mapping[str, Any]) -> Verdict | None:
    """Whether a workload that nothing may kill came to its end."""
    dead = killed(evidence)
    if dead is not None:
        return dead
    failed = _said_well(evidence, done)
    missing = [phase for phase in evidence.wanted if phase not in evidence.phases]
    if failed is None and missing:
        return Verdict("error", f"phase {missing[0]} never came")
    return failed


def _survivor(killed: int) -> str:
    processes = "a process" if killed == 1 else f"{killed} processes"
    return f"the OOM killer ended {processes} of the workload"


def _said_well(evidence: Evidence, done: Mapping[str, Any]) -> Verdict | None:
    """Whether the workload's own checks were content."""
    status = done.get("status")
    if status in (0, None):
        return None
    words = f": {evidence.words}" if evidence.words else ""
    return Verdict("fail", f"the workload's own checks failed (exit status {status}){words}")


def _measured(evidence: Evidence) -> Verdict | None:
    for name, phase in evidence.phases.items():
        if phase.get("agree") is False:
            return Verdict("error", f"{name}: the channels disagree: {phase['disagreement']}")
    return None


def _met(evidence: Evidence, expectations: Sequence[Expectation], gap: Gap | None) -> Verdict:
    reasons = []
    unjudged = None
    for expectation in expectations:
        outcome = holds(expectation, evidence.phases, evidence.exit or {})
        if outcome.met is None:
            unjudged = _unmeasured(evidence, f"{expectation.text}: {outcome.text}")
            if unjudged.kind == "error":
                return unjudged
            continue
        if not outcome.met:
            return Verdict("fail", outcome.text)
        reasons.append(outcome.text)
    if unjudged is not None:
        return unjudged
    if gap is not None:
        outcomes = [holds(expectation, evidence.phases, evidence.exit or {}) for expectation in gap.expectations]
        unknown = next((outcome for outcome in outcomes if outcome.met is None), None)
        if unknown is not None:
            return _unmeasured(evidence, f"{gap.where}: {unknown.text}")
        unmet = [outcome.text for outcome in outcomes if not outcome.met]
        if unmet:
            return Verdict("gap", f"{gap.reason} ({'; '.join(unmet)})")
        return Verdict("fail", f"gap closed, take it out of {gap.where}: {'; '.join(o.text for o in outcomes)}")
    return Verdict("pass", "; ".join(reasons)) if reasons else Verdict("done", "measured, nothing expected")


def _unmeasured(evidence: Evidence, what: str) -> Verdict:
    """A number that is missing is an error, save where nobody was to take it."""
    if evidence.unexamined:
        return Verdict("skip", f"{what} ({evidence.unexamined})")
    why = next((phase["unexamined"] for phase in evidence.phases.values() if phase.get("unexamined")), "")
    return Verdict("error", f"{what} ({why})" if why else what)
