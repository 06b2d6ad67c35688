# SPDX-License-Identifier: GPL-2.0-only
"""Kernel configuration: what the fragments ask for, laid over the tiniest kernel, and proof that it was granted.

kconfig drops an option whose dependencies are not met without a word. Every asked line is therefore looked up in
the result, before anything is compiled.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.build import process
from testbed.errors import BuildError, SpecError

__all__ = ["Asked", "check_config", "configure", "dropped", "read_fragments", "requested_text"]

_SET = re.compile(r"^(CONFIG_\w+)=(.+)$")
_UNSET = re.compile(r"^# (CONFIG_\w+) is not set$")


@dataclass(frozen=True)
class Asked:
    """One option that a fragment asks for; ``n`` means absent or not set."""

    option: str
    value: str
    where: str  # "ptreclaim.config:3"


def read_fragments(fragments: Sequence[Path]) -> tuple[Asked, ...]:
    """What the fragments ask for, sorted by option; a later fragment overrides an earlier one."""
    asked: dict[str, Asked] = {}
    for fragment in fragments:
        for number, line in enumerate(fragment.read_text().splitlines(), start=1):
            option, value = _parsed(line)
            where = f"{fragment.name}:{number}"
            if option:
                asked[option] = Asked(option, value, where)
            elif line.strip() and not line.startswith("#"):
                raise SpecError(f"{fragment}:{number}: neither CONFIG_X=value nor a comment: {line.strip()}")
    return tuple(asked[option] for option in sorted(asked))


def requested_text(asked: Sequence[Asked]) -> str:
    """The same as one fragment."""
    return "".join(
        f"# {entry.option} is not set\n" if entry.value == "n" else f"{entry.option}={entry.value}\n" for entry in asked
    )


def configure(tree: Path, asked: Sequence[Asked], log: Path, env: Mapping[str, str], make: Sequence[str]) -> None:
    """Write ``.config``: the tiniest kernel and what was asked; BuildError lists every dropped option.

    An option that nobody asked for is off, also where what was asked makes it visible with a default of on.
    """
    requested = tree / "config.requested"
    requested.write_text(requested_text(asked))
    overridden = {entry.option for entry in asked}
    tiny = read_fragments([path for path in (tree / name for name in _TINY) if path.is_file()])
    kept = requested_text([entry for entry in tiny if entry.option not in overridden])
    merged = tree / "config.merged"
    merged.write_text(kept + requested.read_text())  # ours last: of two choices set, the last one counts
    process.run([*make, f"KCONFIG_ALLCONFIG={merged}", "allnoconfig"], log, cwd=tree, env=env)
    check_config(tree / ".config", asked)


#: The fragments of ``make tinyconfig``.
_TINY = ("kernel/configs/tiny-base.config", "kernel/configs/tiny.config", "arch/x86/configs/tiny.config")


def check_config(config: Path, asked: Sequence[Asked]) -> None:
    """Raise BuildError with one line for each option that was asked for and not granted."""
    lines = dropped(config, asked)
    if lines:
        raise BuildError(f"{len(lines)} of {len(asked)} options were not granted\n" + "\n".join(lines))


def dropped(config: Path, asked: Sequence[Asked]) -> tuple[str, ...]:
    """One line for each option of which the result differs from what was asked."""
    got = dict(filter(all, map(_parsed, config.read_text().splitlines())))
    return tuple(
        f"  {entry.where}: {entry.option}={entry.value} asked, got {got.get(entry.option, 'n')}"
        " (unmet dependency, unknown to this kernel, or forced by another option?)"
        for entry in asked
        if got.get(entry.option, "n") != entry.value
    )


def _parsed(line: str) -> tuple[str, str]:
    """Option and value of a line; two empty strings for any other line."""
    line = line.rstrip()
    unset = _UNSET.match(line)
    if unset:
        return unset[1], "n"
    given = _SET.match(line)
    return (given[1], given[2]) if given else ("", "")
