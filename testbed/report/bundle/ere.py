# SPDX-License-Identifier: GPL-2.0-only
r"""From Python's regular expressions to those of POSIX (extended), which grep, sed and awk know.

Translated is what has an equal there: groups, classes (``\d``), lazy repeats, which find the same lines as greedy ones.
Refused is what has none: looking around, ``\b``, references, flags.
"""

import re

__all__ = ["NotPosix", "literal", "to_ere"]

_CLASSES = {"d": "[:digit:]", "w": "[:alnum:]_", "s": "[:space:]"}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}


class NotPosix(ValueError):
    """An expression that has no equal in POSIX; the message says what of it has none."""


def literal(text: str) -> str:
    r"""Give an expression of both kinds that is found where ``text`` is.

    >>> literal("a+0x1 [b]")
    'a\\+0x1 \\[b]'
    """
    return "".join(f"\\{char}" if char in ".[{()*+?^$|\\" else char for char in text)


def to_ere(expression: str) -> str:
    r"""Translate; raise NotPosix for what can't be, and re.error for what is no expression of Python's either.

    >>> to_ere(r"(?:use-after-free|out-of-bounds) in \w+?\.c:\d{2,}")
    '(use-after-free|out-of-bounds) in [[:alnum:]_]+\\.c:[[:digit:]]{2,}'
    """
    re.compile(expression)
    made, at = [], 0
    while at < len(expression):
        piece, at = _piece(expression, at)
        made.append(piece)
    return "".join(made)


def _piece(text: str, at: int) -> tuple[str, int]:
    """Translate what stands at ``at``; its translation, and where the rest begins."""
    char = text[at]
    if char == "\\":
        return _escape(text, at)
    if char == "[":
        return _bracket(text, at)
    if char == "(" and text.startswith("(?", at):
        if text.startswith("(?:", at):
            return "(", at + 3
        named = re.compile(r"\(\?P<\w+>").match(text, at)
        if named:
            return "(", named.end()
        raise NotPosix(f"{text[at : at + 4]!r} has no equal in a shell's tools")
    repeat = re.compile(r"[*+?]|\{\d*(?:,\d*)?\}").match(text, at)
    if repeat and repeat[0] != "{}":
        end = repeat.end()
        if text.startswith("+", end):
            raise NotPosix(f"{text[at : end + 1]!r} (possessive) has no equal in a shell's tools")
        lazy = text.startswith("?", end)
        return ("{0," + repeat[0][2:] if repeat[0].startswith("{,") else repeat[0]), end + lazy
    if char in "{}":
        return f"\\{char}" if char == "{" else char, at + 1
    if char == "\n":
        raise NotPosix("a line's end can't be looked for in a shell, where each line is looked at by itself")
    return char, at + 1


def _escape(text: str, at: int) -> tuple[str, int]:
    char = text[at + 1]
    if char.lower() in _CLASSES and char.islower():
        return f"[{_CLASSES[char]}]", at + 2
    if char.lower() in _CLASSES:
        return f"[^{_CLASSES[char.lower()]}]", at + 2
    if char in ("t", "f", "v", "a"):
        return _CONTROLS[char], at + 2
    if char.isalnum():
        raise NotPosix(f"'\\{char}' has no equal in a shell's tools")
    return (f"\\{char}" if char in ".[{()*+?^$|\\" else char), at + 2


def _bracket(text: str, at: int) -> tuple[str, int]:
    """Translate ``[...]``: there a backslash is itself, ``]`` stands first and ``-`` last."""
    inverted = text.startswith("[^", at)
    at += 2 if inverted else 1
    members: list[str] = []
    first = True
    while text[at] != "]" or first:
        first = False
        member, at = _member(text, at)
        if text.startswith("-", at) and text[at + 1] != "]" and len(member) == 1:
            last, at = _member(text, at + 1)
            if "\\" in (member, last) or "]" in (member, last):
                raise NotPosix(f"the range {member}-{last} has no equal in a shell's tools")
            member = f"{member}-{last}"
        members.append(member)
    plain = {member for member in members if len(member) == 1}
    rest = [member for member in members if member not in ("]", "-", "^", "[")]
    body = ("]" if "]" in plain else "") + "".join(rest) + ("[" if "[" in plain else "")
    if "^" in plain:
        if not body and not inverted and "-" not in plain:
            return "\\^", at + 1
        body = body + "^" if body or inverted else "-^"
    body += "-" if "-" in plain and body != "-^" else ""
    return f"[{'^' if inverted else ''}{body}]", at + 1


def _member(text: str, at: int) -> tuple[str, int]:
    if text[at] != "\\":
        return text[at], at + 1
    char = text[at + 1]
    if char in _CLASSES:
        return _CLASSES[char], at + 2
    if char in _CONTROLS and char != "n":
        return _CONTROLS[char], at + 2
    if char.isalnum():
        raise NotPosix(f"'\\{char}' in brackets has no equal in a shell's tools")
    return char, at + 2
