# SPDX-License-Identifier: GPL-2.0-only
"""From a name to what its cells run: a scenario is one of them, a suite has one for each test."""

from collections.abc import Callable, Mapping
from pathlib import Path

from testbed.spec.scenario import BoundScenario
from testbed.spec.scenariofile import load_scenario
from testbed.spec.suite import is_suite, load_suite

__all__ = ["Bind", "load_binding"]

#: Fixes the scale and the overrides; SpecError where they don't fit.
Bind = Callable[[str, Mapping[str, int | str]], tuple[BoundScenario, ...]]


def load_binding(root: Path, name_or_path: str | Path) -> Bind:
    """Load the scenario or suite of that name or path; SpecError if it is wrong or not there."""
    if is_suite(root, name_or_path):
        return load_suite(root, name_or_path).at
    scenario = load_scenario(root, name_or_path)
    return lambda scale, overrides: (scenario.at(scale, overrides),)
