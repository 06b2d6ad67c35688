# SPDX-License-Identifier: GPL-2.0-only
"""Fields of a bug file that say how the bug is known again, and what makes it more likely."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from testbed.spec.bug import Amplify, CrashSign, Sign
from testbed.spec.document import Document
from testbed.spec.filemodel import FileModel
from testbed.spec.hints import unknown
from testbed.spec.scenariofields import Conditions, parsed

__all__ = ["CRASH_KINDS", "AmplifyField", "SignField", "read_amplify", "read_signs"]

#: What the judge calls the ways in which a kernel dies or complains; a test holds both lists against each other.
CRASH_KINDS = (
    *("atomic-sleep", "bad-page", "bug", "double-fault", "hard-lockup", "hung-task", "kasan", "kcsan", "kfence"),
    *("lockdep", "oops", "page-poison", "page-table-check", "panic", "rcu-stall", "shutdown", "slub", "soft-lockup"),
    *("spinlock", "stack-overflow", "ubsan", "warn", "workqueue-lockup"),
)
LONGEST_UDELAY_US = 10_000
LARGEST_SHIFT = 10
MOST_CPUS = 64
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _regex(text: str) -> str:
    try:
        expression = re.compile(text)
    except re.error as problem:
        raise ValueError(f"{text!r} is no regular expression: {problem}") from None
    if expression.search(""):
        raise ValueError(f"{text!r} is found in every text; write what only the bug says")
    return text


def _crash_kind(kind: str) -> str:
    if kind not in CRASH_KINDS:
        raise ValueError(unknown("kind of crash", kind, CRASH_KINDS))
    return kind


def _check_delays(delays: dict[str, int]) -> dict[str, int]:
    for function, microseconds in delays.items():
        if not _FUNCTION.fullmatch(function):
            raise ValueError(f"{function!r} is no name of a C function; write one like zap_pte_range")
        if not 1 <= microseconds <= LONGEST_UDELAY_US:
            raise ValueError(f"{function}: {microseconds} µs; a delay is 1 to {LONGEST_UDELAY_US} µs")
    return delays


def _distinct(shifts: list[int]) -> list[int]:
    twice = next((shift for at, shift in enumerate(shifts) if shift in shifts[:at]), None)
    if twice is not None:
        raise ValueError(f"{twice} stands there twice; attempts take the shifts in turn anyway")
    return shifts


_Regex = Annotated[str, AfterValidator(_regex)]


class _Crash(FileModel):
    kind: Annotated[str, AfterValidator(_crash_kind)] | None = None
    title: _Regex | None = None
    report: _Regex | None = None

    @model_validator(mode="after")
    def _says_which(self) -> "_Crash":
        if self.kind is None and self.title is None and self.report is None:
            raise ValueError("any crash would do; say which by kind, title or report")
        return self


class SignField(FileModel):
    """One item of ``signature``."""

    metric: Conditions | None = None
    crash: _Crash | None = None
    said: _Regex | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "SignField":
        given = [key for key in ("metric", "crash", "said") if getattr(self, key) is not None]
        if len(given) != 1:
            found = f"not {' and '.join(given)}" if given else "and this is empty"
            raise ValueError(f"an item is one of metric, crash and said, {found}; each item by itself is the bug")
        return self


class AmplifyField(FileModel):
    """The key ``amplify``."""

    vcpus: Annotated[int, Field(ge=1, le=MOST_CPUS)] | None = None
    host_cpus: Annotated[int, Field(ge=1, le=MOST_CPUS)] | None = None
    udelay: Annotated[dict[str, int], AfterValidator(_check_delays)] = Field(default_factory=dict)
    icount: Annotated[list[Annotated[int, Field(ge=0, le=LARGEST_SHIFT)]], AfterValidator(_distinct)] = Field(
        default_factory=list
    )


def read_signs(document: Document, fields: list[SignField], phases: tuple[str, ...]) -> tuple[Sign, ...]:
    """Return the signs; SpecError for a condition that can't be read or that no phase has."""
    return tuple(_sign(document, at, field, phases) for at, field in enumerate(fields))


def read_amplify(field: AmplifyField) -> Amplify:
    """Return the amplifiers without the model around them."""
    return Amplify(field.vcpus, field.host_cpus, field.udelay, tuple(field.icount))


def _sign(document: Document, at: int, field: SignField, phases: tuple[str, ...]) -> Sign:
    if field.metric is not None:
        return Sign(metrics=parsed(document, phases, field.metric, "signature", at, "metric"))
    if field.crash is not None:
        return Sign(crash=CrashSign(field.crash.kind, field.crash.title, field.crash.report))
    return Sign(said=field.said)
