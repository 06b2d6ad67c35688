# SPDX-License-Identifier: GPL-2.0-only
"""What a person writes, as frozen values: kernels, guests, scenarios, matrices, bugs. Bad input is a SpecError."""

from testbed.spec.binding import load_binding, load_either
from testbed.spec.bug import Amplify, BugSpec, CrashSign, Outcome, Sign
from testbed.spec.bugfile import is_bug, list_bugs, load_bug, refuse_bug
from testbed.spec.expectation import Expectation, Gap
from testbed.spec.guest import GuestSpec, Program, Script, Selftests, list_guests, load_guest
from testbed.spec.kernel import Absent, KernelSpec, load_kernels, resolve_kernel
from testbed.spec.machinefile import LabgridPower, MachineSpec, load_machine
from testbed.spec.matrix import MatrixSpec, list_matrices, load_matrix
from testbed.spec.metrics import METRICS, split_metric
from testbed.spec.scenario import BoundScenario, ScenarioSpec, SuiteTest
from testbed.spec.scenariofile import list_scenarios, load_scenario
from testbed.spec.source import AptSource, GitSource, Source, TarballSource, TreeSource
from testbed.spec.suite import SuiteSpec, is_suite, list_suites, load_suite
from testbed.spec.tree import Tree
from testbed.spec.units import format_size, parse_duration, parse_size

__all__ = [
    "METRICS",
    "Absent",
    "Amplify",
    "AptSource",
    "BoundScenario",
    "BugSpec",
    "CrashSign",
    "Expectation",
    "Gap",
    "GitSource",
    "GuestSpec",
    "KernelSpec",
    "LabgridPower",
    "MachineSpec",
    "MatrixSpec",
    "Outcome",
    "Program",
    "ScenarioSpec",
    "Script",
    "Selftests",
    "Sign",
    "Source",
    "SuiteSpec",
    "SuiteTest",
    "TarballSource",
    "Tree",
    "TreeSource",
    "format_size",
    "is_bug",
    "is_suite",
    "list_bugs",
    "list_guests",
    "list_matrices",
    "list_scenarios",
    "list_suites",
    "load_binding",
    "load_bug",
    "load_either",
    "load_guest",
    "load_kernels",
    "load_machine",
    "load_matrix",
    "load_scenario",
    "load_suite",
    "parse_duration",
    "parse_size",
    "refuse_bug",
    "resolve_kernel",
    "split_metric",
]
