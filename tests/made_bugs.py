# SPDX-License-Identifier: GPL-2.0-only
"""Bugs, and what attempts at them came to, for tests that boot nothing."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from run_records import cell

from testbed.spec import Amplify, BugSpec, CrashSign, Outcome, Sign, load_scenario, resolve_kernel
from testbed.spec.expectation import parse_expectation
from testbed.store.record import CellResult

ROOT = Path(__file__).resolve().parents[1]
KEEPS = Outcome("reproduced")
GONE = Outcome("gone")
GAP = Outcome("reproduced", "upper levels are not done")


def metric(*texts: str) -> Sign:
    return Sign(metrics=tuple(parse_expectation(text, ("start", "peak", "after"), "bug.yaml:1") for text in texts))


def crash(kind=None, title=None, report=None) -> Sign:
    return Sign(crash=CrashSign(kind, title, report))


def said(pattern: str) -> Sign:
    return Sign(said=pattern)


def bug(*signs: Sign, name: str = "bugs/leak", **outcomes: Outcome) -> BugSpec:
    """Give a bug on benign/dontneed-loop; ``outcomes`` are by kernel, ``_`` in the name of one being ``-``."""
    scenario = load_scenario(ROOT, "benign/dontneed-loop")
    expect = {kernel.replace("_", "-"): outcome for kernel, outcome in outcomes.items()}
    named = [kernel for kernel in expect if "*" not in kernel] or ["vanilla-6.12"]
    return BugSpec(
        name=name,
        title="It leaks",
        report="<1@example.org>",
        scenario=replace(scenario, name=name, kind="bug", expect={}, known_gap={}),
        scale="small",
        kernels=tuple(resolve_kernel(ROOT, kernel) for kernel in named),
        signs=signs or (metric("after.left_over.pte > 100"),),
        attempts=10,
        amplify=Amplify(),
        outcomes=expect,
        where="bug.yaml:1",
    )


def images() -> SimpleNamespace:
    """Stand in for a built kernel or guest."""
    return SimpleNamespace(
        name="x",
        path=Path("a" * 64),
        release="6.12.117",
        source_version="6.12.117-1",
        patchset_hash=None,
        config_hash="c" * 64,
        build_id="b" * 40,
        compiler="gcc",
        key="d" * 64,
    )


def attempt(name: str, shown: bool | None, sign: str = "", verdict: str = "done", **more) -> CellResult:
    """Give the result of cell ``name``."""
    kernel, _, label = name.split("/", 2)
    facts = cell(kernel, verdict=verdict)
    del facts["schema"]
    signs = {True: "after.left_over.pte 256 > 100", False: "after.left_over.pte 8 is not > 100", None: "QEMU is gone"}
    scenario = {"name": label.rpartition("#")[0], "kind": "bug", "scale": "small", "params": {}}
    told = {"shown": shown, "sign": sign or signs[shown]}
    return CellResult(**{**facts, "cell": name, "scenario": scenario, "shown": told, **more})


def number_of(name: str) -> int:
    """Give which attempt a cell is."""
    return int(name.rpartition("#")[2])
