# SPDX-License-Identifier: GPL-2.0-only
"""Suites: programs of the kernel's selftests, each a test in a guest of its own, one kernel beside another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from testbed.errors import SpecError
from testbed.spec.document import Document, read_document
from testbed.spec.filemodel import FileModel, OneOrMore, Prose, validate
from testbed.spec.guest import load_guest
from testbed.spec.hints import describe, unknown
from testbed.spec.kernel import resolve_kernel
from testbed.spec.param import check_line
from testbed.spec.scale import SCALES, check_scale
from testbed.spec.scenario import BoundScenario, SuiteTest
from testbed.spec.tree import SUITES, Tree, check_name
from testbed.spec.units import parse_duration

__all__ = ["SuiteSpec", "is_suite", "list_suites", "load_suite"]

#: The workload that prepares the guest and becomes the test's program.
RUNNER = "selftest"
#: Where the programs stand in the guest.
PROGRAMS = "/selftests"
#: The one parameter of a suite: which of its tests.
TEST = "test"


@dataclass(frozen=True)
class SuiteSpec:
    """A suite as its file says it; ``kernels`` are those that it runs on where nobody names others.

    ``tests`` are those of each scale.
    """

    name: str
    kind: str
    source: str
    guest: str
    kernels: tuple[str, ...]
    tests: Mapping[str, tuple[BoundScenario, ...]]
    where: str

    def at(self, scale: str, overrides: Mapping[str, int | str] | None = None) -> tuple[BoundScenario, ...]:
        """Return the tests: all, or the one that ``test`` names. SpecError if there is no such test or parameter.

        At the small scale those that only a thorough run has time for are skipped.
        """
        try:
            check_scale(scale)
        except ValueError as problem:
            raise SpecError(f"suite {self.name}: {problem}") from None
        given = dict(overrides or {})
        wanted = given.pop(TEST, None)
        for key in given:
            raise SpecError(f"suite {self.name}: {unknown('parameter', key, (TEST,))}")
        tests = self.tests[scale]
        if wanted is None:
            return tests
        known = {str(test.params[TEST]): test for test in tests}
        if wanted not in known:
            raise SpecError(f"suite {self.name}: {unknown('test', str(wanted), known)}")
        return (known[str(wanted)],)


def list_suites(root: Path) -> tuple[str, ...]:
    """Return the names of all suites of the checkout."""
    return Tree(root).suites()


def is_suite(root: Path, target: str | Path) -> bool:
    """Tell a suite from a scenario: by its name, its folder, or the tests that only a suite has."""
    path = Path(target)
    if str(target) in list_suites(root) or SUITES in (path.resolve().parent.name, str(target).partition("/")[0]):
        return True
    return path.suffix in (".yaml", ".yml") and path.is_file() and "\ntests:" in path.read_text(errors="replace")


def load_suite(root: Path, name_or_path: str | Path) -> SuiteSpec:
    """Return one suite, by name (``suites/selftests-mm``) or by the path of a YAML file anywhere."""
    tree = Tree(root)
    by_path = isinstance(name_or_path, Path) or name_or_path.endswith((".yaml", ".yml"))
    path = Path(name_or_path) if by_path else tree.scenario_file(str(name_or_path))
    document = read_document(root, path)
    suite = validate(document, _SuiteFile)
    _check_kernels(root, document, suite.kernels)
    _check_guest(root, document, suite.folder, suite.guest, "guest")
    for key, test in suite.tests.items():
        if test.guest is not None:
            _check_guest(root, document, suite.folder, test.guest, "tests", key, "guest")
    name = f"{SUITES}/{_stem(document, path)}"
    return SuiteSpec(
        name=name,
        kind=SUITES,
        source=suite.source,
        guest=suite.guest,
        kernels=tuple(suite.kernels),
        tests={scale: tuple(_test(document, suite, name, key, scale) for key in suite.tests) for scale in SCALES},
        where=document.where(),
    )


def _run(value: object) -> list[str]:
    if not isinstance(value, str) or not value.split():
        raise ValueError(f"{describe(value)} is no command; write a program and its arguments, like ksm_tests -M -p 10")
    program, *arguments = check_line(value).split()
    return [check_name(program), *arguments]


def _absolute(path: str) -> str:
    if not check_line(path).startswith("/") or "=" in path:
        raise ValueError(f"{path!r} is no file of the guest; write a path like /proc/sys/vm/nr_hugepages")
    return path


def _value(value: object) -> str:
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise ValueError(f"{describe(value)} can't be written to a file; write a number, or text in quotes")
    return check_line(str(value))


_Write = dict[Annotated[str, AfterValidator(_absolute)], Annotated[str, BeforeValidator(_value)]]
_Duration = Annotated[float, BeforeValidator(parse_duration)]


class _Test(FileModel):
    guest: str | None = None
    run: Annotated[list[str], BeforeValidator(_run)] | None = None
    write: _Write = Field(default_factory=dict)
    swap: bool = False
    unprivileged: bool = False
    deadline: _Duration | None = None
    thorough: Prose | None = None
    skip: Prose | None = None


class _SuiteFile(FileModel):
    source: Prose = Field(description="what the tests are and where they come from, in prose")
    guest: str = Field(description="a guest of guests/ with selftests in it")
    folder: str = Field(description="the folder of the selftests that the programs are in, like mm")
    kernels: OneOrMore[str] = Field(description="kernels to run on, the baseline among them")
    baseline: Prose = Field(description="the kernel that others are held against, as a pattern like vanilla-*")
    deadline: _Duration = Field(description="how long a test may take on KVM, like 20s")
    tests: dict[str, _Test] = Field(description="the tests, like 'madv_populate: {}'")


def _stem(document: Document, path: Path) -> str:
    try:
        return check_name(path.stem)
    except ValueError as problem:
        raise document.error(f"{problem}; rename the file") from None


def _check_kernels(root: Path, document: Document, kernels: list[str]) -> None:
    for at, name in enumerate(kernels):
        try:
            resolve_kernel(root, name)
        except SpecError as problem:
            raise document.error(problem, "kernels", at) from None


def _check_guest(root: Path, document: Document, folder: str, guest: str, *loc: str) -> None:
    """The guest is there and has the programs."""
    known = Tree(root).guests()
    if guest not in known:
        raise document.error(unknown("guest", guest, known), *loc)
    selftests = load_guest(root, guest).selftests
    folders = selftests.folders if selftests else ()
    if folder not in folders:
        raise document.error(f"{unknown('folder', folder, folders)} (selftests of guest {guest})", *loc)


def _test(document: Document, suite: _SuiteFile, name: str, key: str, scale: str) -> BoundScenario:
    try:
        check_name(key)
    except ValueError as problem:
        raise document.error(problem, "tests", key, key=True) from None
    test = suite.tests[key]
    program, *arguments = test.run or [key]
    path = f"{suite.folder}/{program}"
    return BoundScenario(
        name=name,
        label=f"{name}:{TEST}={key}",
        kind=SUITES,
        scale=scale,
        guest=test.guest or suite.guest,
        workload=RUNNER,
        argv=(*_preparation(test), "--", f"{PROGRAMS}/{path}", *arguments),
        params={TEST: key},
        env={},
        phases=(),
        memory_bytes=None,
        deadline_s=test.deadline or suite.deadline,
        may_die=False,
        expect={},
        known_gap={},
        where=document.where("tests", key, key=True),
        test=SuiteTest(key, path, suite.baseline, test.skip or _too_long(test, scale)),
    )


def _too_long(test: _Test, scale: str) -> str:
    """Why a test is not run at this scale; empty where it is."""
    return "" if test.thorough is None or scale == "full" else f"{test.thorough} (it runs at --scale full)"


def _preparation(test: _Test) -> list[str]:
    """The runner's options (guests/workloads/selftest.c)."""
    options = [f"--write={path}={value}" for path, value in test.write.items()]
    return [*options, *(["--swap"] if test.swap else []), *(["--unprivileged"] if test.unprivileged else [])]
