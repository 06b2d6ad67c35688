# SPDX-License-Identifier: GPL-2.0-only
"""A bisection over the options of two kernels of one source: fragments first, then what stands in the guilty one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from testbed.build.cache import get_or_make, key_of
from testbed.build.config import Asked, read_fragments, requested_text
from testbed.errors import SpecError
from testbed.run.bisect.ground import Candidate, Ground, line_ground
from testbed.run.reproduce.subject import Subject
from testbed.spec import KernelSpec

__all__ = ["option_ground"]


@dataclass(frozen=True)
class _Change:
    """An option that the bad kernel has otherwise: with its value there, or no more asked for where that is None."""

    option: str
    value: str | None
    fragment: str

    @property
    def text(self) -> str:
        return f"{self.option} no more asked for" if self.value is None else f"{self.option}={self.value}"


def option_ground(subject: Subject, good: KernelSpec, bad: KernelSpec) -> Ground:
    """Give the ground between the options of two kernels; SpecError where they differ in more than those, or in none.

    Options stand in the order of the bad kernel's files, then those that the good one alone asks for.
    """
    for what in ("source", "series", "patches"):
        if getattr(good, what) != getattr(bad, what):
            raise SpecError(f"kernels {good.name} and {bad.name}: their {what} differ, and not their options alone")
    before, changes = _asked(good), _changes(good, bad)
    if not changes:
        raise SpecError(f"kernels {good.name} and {bad.name} ask for the same options")
    candidates = [Candidate("000", f"as {good.name}", _with(subject, good, f"{good.name}~000", before))]
    now = dict(before)
    for count, change in enumerate(changes, 1):
        now.pop(change.option, None)
        if change.value is not None:
            now[change.option] = Asked(change.option, change.value, change.fragment)
        name = f"{bad.name}~{count:03d}"
        candidates.append(
            Candidate(f"{count:03d}", f"{change.fragment}: {change.text}", _with(subject, bad, name, now))
        )
    ends = [
        candidate.id
        for candidate, change, after in zip(candidates[1:], changes, [*changes[1:], None], strict=True)
        if after is None or after.fragment != change.fragment
    ]
    return line_ground(f"{len(changes)} options of {bad.name}", candidates, ends)


def _asked(kernel: KernelSpec) -> dict[str, Asked]:
    left_out = {absent.option for absent in kernel.absent}
    return {asked.option: asked for asked in read_fragments(kernel.fragments) if asked.option not in left_out}


def _changes(good: KernelSpec, bad: KernelSpec) -> list[_Change]:
    before, after = _asked(good), _asked(bad)
    differ = [asked for option, asked in after.items() if option not in before or before[option].value != asked.value]
    gone = [asked for option, asked in before.items() if option not in after]
    return [
        *(_Change(asked.option, asked.value, _file(asked)) for asked in sorted(differ, key=_place(bad.fragments))),
        *(_Change(asked.option, None, _file(asked)) for asked in sorted(gone, key=_place(good.fragments))),
    ]


def _file(asked: Asked) -> str:
    return asked.where.rpartition(":")[0]


def _place(fragments: Sequence[Path]) -> "_Order":
    return _Order({fragment.name: at for at, fragment in enumerate(fragments)})


@dataclass(frozen=True)
class _Order:
    """Sorts options by file and line."""

    files: Mapping[str, int]

    def __call__(self, asked: Asked) -> tuple[int, int]:
        file, _, line = asked.where.rpartition(":")
        return self.files[file], int(line)


def _with(subject: Subject, kernel: KernelSpec, name: str, asked: Mapping[str, Asked]) -> Subject:
    """A kernel with just these options, in a file that the cache keeps by content, as whatever is built of it."""
    text = requested_text([asked[option] for option in sorted(asked)])
    key = key_of("fragment", text)
    entry, _ = get_or_make("fragment", key, lambda folder: _write(folder / "bisect.config", text))
    return replace(subject, kernel=replace(kernel, name=name, fragments=(entry / "bisect.config",), absent=()))


def _write(path: Path, text: str) -> None:
    path.write_text(text)
