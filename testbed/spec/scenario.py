# SPDX-License-Identifier: GPL-2.0-only
"""Scenarios: a workload, the numbers it gets, and what each kernel is expected to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from testbed.errors import SpecError
from testbed.spec.expectation import Expectation, Gap
from testbed.spec.hints import unknown
from testbed.spec.param import ParamValue, common_kind, parse_like
from testbed.spec.scale import Scaled, check_scale

__all__ = ["BoundScenario", "ScenarioSpec", "SuiteTest"]

T = TypeVar("T")


@dataclass(frozen=True)
class SuiteTest:
    """A test of a suite: ``program`` is FOLDER/NAME in the guest, ``skip`` why it is not to be run (empty: it is).

    The kernel that the others are held against is the first of a run that the pattern ``baseline`` matches.
    """

    name: str
    program: str
    baseline: str
    skip: str = ""


@dataclass(frozen=True)
class BoundScenario:
    """A scenario at one scale, with every parameter fixed, or one test of a suite: what one cell runs."""

    name: str
    label: str
    kind: str
    scale: str
    guest: str
    workload: str
    argv: tuple[str, ...]
    params: Mapping[str, int | str]
    env: Mapping[str, str]
    phases: tuple[str, ...]
    memory_bytes: int | None
    deadline_s: float
    may_die: bool
    expect: Mapping[str, tuple[Expectation, ...]]
    known_gap: Mapping[str, Gap]
    where: str
    test: SuiteTest | None = None

    def expectations_for(self, kernel: str) -> tuple[Expectation, ...]:
        """Return what is expected of a kernel: the lists of all patterns that match it, one after another."""
        return tuple(e for found in _matching(self.expect, kernel) for e in found)

    def gap_for(self, kernel: str) -> Gap | None:
        """Return what a kernel can't do yet; the gaps of several matching patterns become one."""
        gaps = _matching(self.known_gap, kernel)
        if len(gaps) < 2:
            return gaps[0] if gaps else None
        expectations = tuple(e for gap in gaps for e in gap.expectations)
        return Gap(expectations, "; ".join(gap.reason for gap in gaps), gaps[0].where)


@dataclass(frozen=True)
class ScenarioSpec:
    """A scenario as its file says it, both scales."""

    name: str
    kind: str
    source: str
    guest: str
    workload: str
    params: Mapping[str, Scaled[ParamValue]]
    env: Mapping[str, str]
    phases: tuple[str, ...]
    memory: Scaled[int] | None
    deadline: Scaled[float]
    may_die: bool
    expect: Mapping[str, tuple[Expectation, ...]]
    known_gap: Mapping[str, Gap]
    where: str

    def at(self, scale: str, overrides: Mapping[str, int | str] | None = None) -> BoundScenario:
        """Fix the scale and override parameters; an override is read as the kind of its parameter."""
        try:
            check_scale(scale)
        except ValueError as problem:
            raise SpecError(f"scenario {self.name}: {problem}") from None
        values = {name: param.at(scale) for name, param in self.params.items()}
        given = {name: self._override(name, value) for name, value in (overrides or {}).items()}
        changed = [f"{name}={given[name].text}" for name in values if name in given]
        params = {name: value.value for name, value in (values | given).items()}
        return BoundScenario(
            name=self.name,
            label=":".join([self.name, ",".join(changed)]) if changed else self.name,
            kind=self.kind,
            scale=scale,
            guest=self.guest,
            workload=self.workload,
            argv=tuple(f"--{name}={value}" for name, value in params.items()),
            params=params,
            env=self.env,
            phases=self.phases,
            memory_bytes=self.memory.at(scale) if self.memory else None,
            deadline_s=self.deadline.at(scale),
            may_die=self.may_die,
            expect=self.expect,
            known_gap=self.known_gap,
            where=self.where,
        )

    def _override(self, name: str, value: int | str) -> ParamValue:
        if name not in self.params:
            raise SpecError(f"scenario {self.name}: {unknown('parameter', name, self.params)}")
        declared = self.params[name]
        try:
            return parse_like(common_kind(declared.small, declared.full), value)
        except ValueError as problem:
            raise SpecError(f"scenario {self.name}: parameter {name}: {problem}") from None


def _matching(patterns: Mapping[str, T], kernel: str) -> list[T]:
    """Give what stands under patterns of the kernel; one without ``+`` is about all of its flavours and releases."""
    base_name = kernel.partition("+")[0].partition("@")[0]
    return [
        found for pattern, found in patterns.items() if fnmatchcase(kernel if "+" in pattern else base_name, pattern)
    ]
