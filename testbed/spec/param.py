# SPDX-License-Identifier: GPL-2.0-only
"""Parameters of a workload: a size, a whole number or a word, and overrides of the same kind."""

import re
from dataclasses import dataclass
from typing import Literal

from testbed.spec.hints import describe
from testbed.spec.units import format_size, looks_like_size, parse_size

__all__ = ["ParamKind", "ParamValue", "check_line", "common_kind", "parse_like", "parse_param"]

ParamKind = Literal["size", "int", "str"]
_WHOLE = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True)
class ParamValue:
    """A value as the workload gets it, and the kind that an override must have too."""

    kind: ParamKind
    value: int | str

    @property
    def text(self) -> str:
        """The value as cell names show it."""
        return format_size(self.value) if self.kind == "size" and isinstance(self.value, int) else str(self.value)


def check_line(text: str) -> str:
    """Return the text if it can travel to the guest, where a value is one line."""
    if not text.isprintable():
        raise ValueError(f"{text!r} holds a control character; a value is one line of plain text")
    return text


def parse_param(value: object) -> ParamValue:
    """Return a parameter as a scenario declares it: its form decides the kind."""
    if isinstance(value, str):
        return ParamValue("size", parse_size(value)) if looks_like_size(value) else _word(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _whole(value)
    raise ValueError(f"{describe(value)} is no parameter; write a size, a whole number, or text in quotes")


def common_kind(one: ParamValue, other: ParamValue) -> ParamKind:
    """Return the kind that serves both scales; a whole number beside a size is bytes."""
    kinds: set[ParamKind] = {one.kind, other.kind}
    if len(kinds) == 1:
        return one.kind
    if kinds == {"size", "int"}:
        return "size"
    raise ValueError("one scale has a word, the other a number; write both alike")


def parse_like(kind: ParamKind, value: object) -> ParamValue:
    """Return an override, read as the kind that the scenario declares; a whole number may be bytes."""
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise ValueError(f"{describe(value)} is no parameter; write a {_NAMES[kind]}")
    if kind == "str":
        return _word(str(value))
    whole = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    if kind == "size" or (isinstance(whole, str) and looks_like_size(whole)):
        return ParamValue("size", parse_size(whole))
    if isinstance(whole, str):
        raise ValueError(f"{value!r} is no whole number; write one like 4")
    return _whole(whole)


_NAMES = {"size": "size like 4KiB", "int": "whole number like 4", "str": "word"}


def _word(text: str) -> ParamValue:
    return ParamValue("str", check_line(text))


def _whole(number: int) -> ParamValue:
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"{number} is too large; a workload reads 64-bit numbers")
    return ParamValue("int", number)
