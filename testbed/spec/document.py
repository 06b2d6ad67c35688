# SPDX-License-Identifier: GPL-2.0-only
"""A YAML file as plain values that still know their lines."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.reader import ReaderError

from testbed.errors import SpecError
from testbed.spec.hints import near

__all__ = ["Document", "Loc", "display", "read_document"]

Loc = tuple[str | int, ...]
_CORE = "tag:yaml.org,2002:"


def display(root: Path, path: Path) -> str:
    """Return the path as messages show it: relative to the root if it is below, else as given."""
    absolute, top = path.resolve(), root.resolve()
    return str(absolute.relative_to(top)) if absolute.is_relative_to(top) else str(path)


@dataclass(frozen=True)
class Document:
    """One file: its values, and the line of every key and value, found by location."""

    path: str
    data: dict[str, Any] = field(default_factory=dict)
    _keys: dict[Loc, int] = field(default_factory=dict, repr=False)
    _values: dict[Loc, int] = field(default_factory=dict, repr=False)

    def known_part(self, loc: Loc) -> Loc:
        """Return the parts of a location that the file really has."""
        node: Any = self.data
        found: list[str | int] = []
        for part in loc:
            inside = part in node if isinstance(node, dict) else False
            if isinstance(node, list) and isinstance(part, int):
                inside = part < len(node)
            if inside:
                node = node[part]
                found.append(part)
        return tuple(found)

    def line(self, loc: Loc, *, key: bool = False) -> int:
        """Return the line of a value, or of its key."""
        loc = self.known_part(loc)
        lines = self._keys if key and loc in self._keys else self._values
        return lines.get(loc, 1)

    def where(self, *loc: str | int, key: bool = False) -> str:
        """Return ``file:line`` of a value, or of its key."""
        return f"{self.path}:{self.line(loc, key=key)}"

    def error(self, message: object, *loc: str | int, key: bool = False) -> SpecError:
        """Make the error that points at a value, or at its key."""
        return SpecError(f"{self.where(*loc, key=key)}: {_one_line(message)}")


def _one_line(message: object) -> str:
    """Fold what a person put into a key or value, so that one error stays one line."""
    return " ".join(str(message).split())


def read_document(root: Path, path: Path) -> Document:
    """Read one YAML mapping; whatever is wrong with the file is one SpecError."""
    document = Document(display(root, path))
    root_node = _compose(document.path, _read_text(document.path, path))
    if root_node is None:
        raise SpecError(f"{document.path}:1: the file is empty; it should hold a mapping of 'key: value' lines")
    _Walker(document).mapping(root_node, (), root_node.start_mark.line + 1, document.data)
    return document


def _read_text(shown: str, path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        beside = near(path.name, (p.name for p in path.parent.glob("*.yaml")))
        guess = f"did you mean {beside!r}?" if beside else "check the path"
        raise SpecError(f"{shown}:1: no such file; {guess}") from None
    except OSError as problem:
        raise SpecError(f"{shown}:1: cannot be read ({problem.strerror}); it should be a YAML file") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise SpecError(f"{shown}:{line}: not UTF-8 text; save the file as UTF-8") from None


def _compose(shown: str, text: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # anchors are refused below, with a line
    try:
        node: Node | None = yaml.compose(text)
    except ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        raise SpecError(f"{shown}:{line}: not YAML: a control character; write plain text") from None
    except MarkedYAMLError as problem:
        raise SpecError(_syntax_message(shown, problem)) from None
    except RecursionError:
        raise SpecError(f"{shown}:1: nested too deeply to be read; two or three levels are enough") from None
    except YAMLError as problem:
        raise SpecError(f"{shown}:1: not YAML: {' '.join(str(problem).split())}") from None
    return node


def _syntax_message(shown: str, problem: MarkedYAMLError) -> str:
    """Point at what was opened and never closed, else at where the parser gave up."""
    mark, context = problem.problem_mark, problem.context or ""
    what = " ".join(str(problem.problem).split())
    if problem.context_mark and ("quoted scalar" in context or "flow" in context):
        if mark and mark.line != problem.context_mark.line:
            what = f"{what} (line {mark.line + 1})"
        return f"{shown}:{problem.context_mark.line + 1}: not YAML, {context}: {what}; is it closed?"
    advice = "indent with spaces" if "\\t" in what else "check indentation, colons and quotes"
    return f"{shown}:{mark.line + 1 if mark else 1}: not YAML: {what}; {advice}"


@dataclass(frozen=True)
class _Walker:
    """Turns nodes into plain values and notes lines; only what JSON could say is let in."""

    document: Document

    def mapping(self, node: Node, loc: Loc, line: int, into: dict[str, Any]) -> dict[str, Any]:
        self._plain(node, line)
        if not isinstance(node, MappingNode):
            raise self._error(line, "this is no mapping; write 'key: value' lines")
        self.document._values[loc] = line
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            self._plain(key_node, key_line)
            if key_node.tag != f"{_CORE}str":
                raise self._error(key_line, f"key {key_node.value!r} is no text; put it in quotes")
            key = str(key_node.value)
            if key in into:
                first = self.document._keys[(*loc, key)]
                raise self._error(key_line, f"key {key!r} stands here twice, first in line {first}; keep one")
            self.document._keys[(*loc, key)] = key_line
            into[key] = self._value(value_node, (*loc, key), key_line)
        return into

    def _value(self, node: Node, loc: Loc, line: int) -> Any:
        """Return a value; a collection and an absent value stand in their key's line."""
        if isinstance(node, MappingNode):
            return self.mapping(node, loc, line, {})
        if isinstance(node, SequenceNode):
            self._plain(node, line)
            self.document._values[loc] = line
            items = enumerate(node.value)
            return [self._value(item, (*loc, at), item.start_mark.line + 1) for at, item in items]
        if node.tag != f"{_CORE}null":
            line = node.start_mark.line + 1
        self._plain(node, line)
        self.document._values[loc] = line
        try:
            return _scalar(node)
        except ValueError:
            raise self._error(line, f"{node.value!r} is no number; put text in quotes") from None

    def _plain(self, node: Node, line: int) -> None:
        if node.anchor:
            raise self._error(line, f"anchors (&{node.anchor}) and aliases are not read here; write it out")
        if node.tag not in _TAGS:
            raise self._error(line, f"tag {str(node.tag)!r} is not read here; write the plain value")

    def _error(self, line: int, message: str) -> SpecError:
        return SpecError(f"{self.document.path}:{line}: {_one_line(message)}")


_KINDS = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge")
_TAGS = frozenset(_CORE + kind for kind in _KINDS)


def _scalar(node: Node) -> str | int | float | bool | None:
    text = str(node.value)
    match str(node.tag).removeprefix(_CORE):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            digits = text.replace("_", "").lower()
            return int(digits, 0 if digits.lstrip("+-")[1:2] in ("x", "o", "b") else 10)
        case "float":
            return float(text.replace("_", ""))
        case _:
            return text
