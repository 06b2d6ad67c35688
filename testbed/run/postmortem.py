# SPDX-License-Identifier: GPL-2.0-only
"""What a person needs to look into a death: the decoded stack of a crash, the vCPUs and the kernel's word of a hang."""

from collections.abc import Iterator, Sequence

from testbed.errors import MeasureError
from testbed.judge.crash import Crash
from testbed.judge.trace import Frame
from testbed.machine.inspect import instruction_pointers
from testbed.machine.target import Target
from testbed.measure.symbols import Symbols

__all__ = ["crash_text", "hang_text"]

# Backtraces of all CPUs, blocked tasks, memory: Documentation/admin-guide/sysrq.rst.
SYSRQ_KEYS = {"l": "backtraces of all CPUs", "w": "blocked tasks", "m": "memory"}
# For a guest that is well; a slow one gets more.
ANSWER_S = 1.0
LONGEST_ANSWER_S = 5.0


def crash_text(crash: Crash, symbols: Symbols) -> str:
    """Give ``crash.txt``: title, fingerprint, the stack with files and lines, the report as it was printed."""
    head = [f"{crash.kind}: {crash.title}", f"fingerprint: {crash.fingerprint}", ""]
    stack = ["stack, innermost first:", *decoded(crash.stack, symbols)] if crash.stack else ["no stack was printed"]
    return "\n".join([*head, *stack, "", "as printed:", *crash.report]) + "\n"


def decoded(stack: Sequence[Frame], symbols: Symbols) -> Iterator[str]:
    """Give a line a function, inlined ones too; without symbols just what the kernel printed."""
    try:
        starts = [symbols.address(frame.function, frame.size) for frame in stack]
        # a call's frame holds the address behind the call
        inside = [
            start + frame.offset - frame.call for frame, start in zip(stack, starts, strict=True) if start is not None
        ]
        places = iter(symbols.places(inside))
    except MeasureError as error:
        yield f"  (not decoded: {error})"
        yield from (f"  {frame.text}" for frame in stack)
        return
    for frame, start in zip(stack, starts, strict=True):
        if start is None:
            yield f"  {frame.text}"
            continue
        *inlined, outermost = next(places)
        yield from (f"  {place.function} (inlined)  {place.where}" for place in inlined)
        yield f"  {frame.text}  {outermost.where}"


def hang_text(machine: Target, symbols: Symbols, slowdown: float) -> tuple[str, str]:
    """Ask CPUs and kernel why they stand still; ``hang.txt``, and what it comes to in a few words.

    The registers are read first: the kernel's answers move the CPUs. Raises QmpLost where QEMU itself stands still.
    """
    text = machine.registers()
    where = ", ".join(f"CPU {number} in {place}" for number, place in enumerate(_places(text, symbols)))
    where = where or "nobody sees its CPUs"
    parts = [where, "", "registers (QMP, info registers -a):", text or "(not of a physical machine)"]
    wait_s = min(LONGEST_ANSWER_S, ANSWER_S * slowdown)
    for key, what in SYSRQ_KEYS.items():
        answer = machine.sysrq(key, wait_s)
        parts += [f"sysrq-{key}, {what}:", answer or "(the kernel did not answer)\n"]
        if not answer:
            where += "; the kernel does not answer sysrq"
            break
    return "\n".join(parts).replace("\r\n", "\n") + "\n", where


def _places(text: str, symbols: Symbols) -> list[str]:
    pointers = instruction_pointers(text)
    try:
        return [symbols.near(pointer) or "user space" for pointer in pointers]
    except MeasureError:
        return [f"{pointer:#x}" for pointer in pointers]  # a kernel without its System.map
