# SPDX-License-Identifier: GPL-2.0-only
"""From a name to what its cells run: a scenario is one of them, a suite has one for each test."""

from collections.abc import Callable, Mapping
from pathlib import Path

from testbed.spec.bugfile import refuse_bug
from testbed.spec.scenario import BoundScenario, ScenarioSpec
from testbed.spec.scenariofile import load_scenario
from testbed.spec.suite import SuiteSpec, is_suite, load_suite

__all__ = ["Bind", "load_binding", "load_either"]

#: Fixes the scale and the overrides; SpecError where they don't fit.
Bind = Callable[[str, Mapping[str, int | str]], tuple[BoundScenario, ...]]


def load_either(root: Path, name_or_path: str | Path) -> ScenarioSpec | SuiteSpec:
    """Load the scenario or suite of that name or path; SpecError if it is wrong, not there, or a bug."""
    refuse_bug(root, name_or_path)
    return load_suite(root, name_or_path) if is_suite(root, name_or_path) else load_scenario(root, name_or_path)


def load_binding(root: Path, name_or_path: str | Path) -> Bind:
    """Load the scenario or suite of that name or path, to be bound; SpecError as :func:`load_either`."""
    scenario = load_either(root, name_or_path)
    if isinstance(scenario, SuiteSpec):
        return scenario.at
    return lambda scale, overrides: (scenario.at(scale, overrides),)
