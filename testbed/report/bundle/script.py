# SPDX-License-Identifier: GPL-2.0-only
"""``reproduce.sh``: a shell script that boots a bundle's guest and looks for the signs, without the testbed."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from testbed.judge.signature import SIGNATURES
from testbed.report.bundle.ere import NotPosix, to_ere
from testbed.spec import Expectation, Sign

__all__ = ["Shape", "plain", "reproduce_script", "unshelled"]

TEMPLATE = Path(__file__).with_name("reproduce.sh")


@dataclass(frozen=True)
class Shape:
    """What the script boots, and how long it waits (seconds, by accelerator); each field is a variable there.

    ``watch_*`` are kernel parameters that depend on the accelerator, ``append`` are the others. ``icount`` are shifts
    that attempts take in turn, ``host_cpus`` is a list for taskset; both are empty where nothing was done so.
    """

    name: str
    build_id: str
    levels: int
    vcpus: int
    la57: str
    memory_mib: int
    append: str
    watch_kvm: str
    watch_tcg: str
    icount: str
    host_cpus: str
    proof_s: int
    boot_kvm_s: int
    boot_tcg_s: int
    silence_kvm_s: int
    silence_tcg_s: int
    deadline_kvm_s: int
    deadline_tcg_s: int


def reproduce_script(shape: Shape, signs: Sequence[Sign]) -> str:
    """Give the script."""
    what = [f"{each.name.upper()}={shlex.quote(str(getattr(shape, each.name)))}" for each in fields(shape)]
    # a sign that holds is the end of the search
    looked = [f"\ttry {_call(sign)} && return" for sign in signs] or ["\ttry elsewhere 'there is no sign of it'"]
    kinds = [f"{kind}\t{to_ere(pattern)}" for kind, pattern in SIGNATURES]
    return _filled({"WHAT": "\n".join(what) + "\n", "KINDS": "\n".join(kinds), "SIGNS": "\n".join(looked)})


def unshelled(signs: Sequence[Sign]) -> list[str]:
    """Say of each sign that is not for a shell why that is so."""
    return [words[1] for words in (shlex.split(_call(sign)) for sign in signs) if words[0] == "elsewhere"]


def plain(expectation: Expectation) -> str:
    """Give a condition with one blank between its words: ``METRIC OP NUMBER``, or ``METRIC OP FACTOR * METRIC``."""
    right = str(expectation.value) if expectation.other is None else f"{expectation.factor} * {expectation.other}"
    return f"{expectation.metric} {expectation.op} {right}"


def _call(sign: Sign) -> str:
    """Give the command that looks for a sign."""
    try:
        if sign.metrics:
            return shlex.join(["metrics", *map(plain, sign.metrics)])
        if sign.crash is not None:
            crash = sign.crash
            title, report = (to_ere(text) if text else "" for text in (crash.title, crash.report))
            return shlex.join(["crash", crash.kind or "", title, report])
        return shlex.join(["said", to_ere(sign.said or "")])
    except NotPosix as problem:
        return shlex.join(["elsewhere", f"{problem}; ./tb reproduce can look for it"])


def _filled(texts: Mapping[str, str]) -> str:
    # one pass, so that nothing is filled into what was filled in
    return re.sub(r"@([A-Z]+)@", lambda found: texts[found[1]], TEMPLATE.read_text(encoding="utf-8"))
