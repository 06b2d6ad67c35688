# SPDX-License-Identifier: GPL-2.0-only
"""A reported bug: where it shows, how it is known again, and which kernels are expected to have it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from testbed.spec.expectation import Expectation
from testbed.spec.guest import GuestSpec, Program, load_guest
from testbed.spec.kernel import OWN, KernelSpec
from testbed.spec.scenario import ScenarioSpec

__all__ = ["BUG_KIND", "OWN", "Amplify", "BugSpec", "CrashSign", "Outcome", "Prospect", "Sign"]

#: What stands as kind where scenarios are benign, malicious or stress.
BUG_KIND = "bug"
Prospect = Literal["reproduced", "gone"]


@dataclass(frozen=True)
class CrashSign:
    """A crash of this kind (``kasan``, ``lockdep``…), whose title and report the expressions are found in.

    What is None may be anything.
    """

    kind: str | None = None
    title: str | None = None
    report: str | None = None


@dataclass(frozen=True)
class Sign:
    """One way in which the bug shows; one of the three is set.

    ``metrics`` are conditions that all hold, ``crash`` the kernel's last words, ``said`` a regular expression that is
    found in the reason of the cell's verdict, in a line that the workload printed or in one of the console.
    """

    metrics: tuple[Expectation, ...] = ()
    crash: CrashSign | None = None
    said: str | None = None


@dataclass(frozen=True)
class Amplify:
    """What makes a race more likely.

    ``vcpus`` is in place of the guest's, ``host_cpus`` the number of the host's CPUs that all vCPUs share, ``udelay``
    the microseconds that are waited at the entry of a kernel function, ``icount`` the shifts of ``-icount`` (TCG
    alone) that attempts take in turn.
    """

    vcpus: int | None = None
    host_cpus: int | None = None
    udelay: Mapping[str, int] = field(default_factory=dict)
    icount: tuple[int, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What is expected of a kernel; with a ``gap`` it is known to have the bug still, for that reason."""

    prospect: Prospect
    gap: str = ""


@dataclass(frozen=True)
class BugSpec:
    """A bug as its file says it.

    ``scenario`` is what is run, of kind ``bug`` and with nothing expected; ``kernels`` where, unless others are asked
    for; ``signs`` are ways in which it shows, any of which will do; ``outcomes`` by kernel's name or pattern;
    ``programs`` what the guest's image gets for this bug alone.
    """

    name: str
    title: str
    report: str
    scenario: ScenarioSpec
    scale: str
    kernels: tuple[KernelSpec, ...]
    signs: tuple[Sign, ...]
    attempts: int
    amplify: Amplify
    outcomes: Mapping[str, Outcome]
    where: str
    programs: tuple[Program, ...] = ()

    def guest(self, root: Path, name: str | None = None) -> GuestSpec:
        """Return the guest that the bug is looked for in, or another of that name, with the bug's programs in it."""
        return replace(load_guest(root, name or self.scenario.guest), programs=self.programs)

    def outcome_for(self, kernel: str) -> Outcome | None:
        """Give what is expected of a kernel, None where the file does not say.

        A kernel's own entry comes before patterns. A pattern without ``+`` is about all flavours and releases, and no
        pattern without ``~`` is about a kernel that the bug file makes.
        """
        if kernel in self.outcomes:
            return self.outcomes[kernel]
        base_name = kernel.partition("+")[0].partition("@")[0]
        for pattern, outcome in self.outcomes.items():
            if OWN in kernel and OWN not in pattern:
                continue
            if fnmatchcase(kernel if "+" in pattern or OWN in pattern else base_name, pattern):
                return outcome
        return None
