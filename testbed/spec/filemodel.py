# SPDX-License-Identifier: GPL-2.0-only
"""What pydantic finds wrong with a document, as the one line that a person needs."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from testbed.spec.document import Document, Loc
from testbed.spec.hints import describe, unknown
from testbed.spec.scale import SCALES, Scaled, check_scale

__all__ = ["FileModel", "InScales", "OneOrMore", "Prose", "Scale", "validate"]

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list, like [a, b]",
    "dict_type": "a mapping of 'key: value' lines",
}
Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")


class FileModel(BaseModel):
    """A mapping as it stands in a file: frozen, and every key of it is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known_and_there(cls, data: Any) -> Any:
        fields = cls.model_fields
        if not isinstance(data, dict):
            problem = f"must be a mapping with the keys {', '.join(sorted(fields))}, not {describe(data)}"
            raise PydanticCustomError("no_mapping", "{problem}", {"problem": problem})
        for key in data:
            if key not in fields:
                problem = unknown("key", str(key), fields)
                raise PydanticCustomError("unknown_key", "{problem}", {"problem": problem, "key": key})
            if data[key] is None:
                problem = f"{key} has no value; write one or leave the key out"
                raise PydanticCustomError("no_value", "{problem}", {"problem": problem, "key": key})
        for key, about in fields.items():
            if about.is_required() and key not in data:
                problem = f"missing key {key!r}: {about.description or 'it has no default'}"
                raise PydanticCustomError("missing_key", "{problem}", {"problem": problem})
        return data


class InScales(FileModel, Generic[T]):
    """``{small: X, full: Y}`` or one X that serves both scales."""

    small: T
    full: T

    @model_validator(mode="before")
    @classmethod
    def _one_value_serves_both(cls, data: Any) -> Any:
        return data if isinstance(data, dict) else {"small": data, "full": data}

    def scaled(self) -> Scaled[T]:
        """Return the values without the model around them."""
        return Scaled(self.small, self.full)


def _check_prose(text: str) -> str:
    if not text.strip():
        raise ValueError("says nothing; write a sentence")
    return text.strip()


def _check_some(items: list[T]) -> list[T]:
    if not items:
        raise ValueError("is an empty list; name at least one")
    return items


Scale = Annotated[str, AfterValidator(check_scale)]
Prose = Annotated[str, AfterValidator(_check_prose)]
OneOrMore = Annotated[list[T], AfterValidator(_check_some)]


def validate(document: Document, model: type[Model]) -> Model:
    """Return the model of a document; of all that is wrong with it, raise what stands first."""
    try:
        return model.model_validate(document.data)
    except ValidationError as problem:
        findings = [_placed(document, error) for error in problem.errors(include_url=False)]
    loc, message, at_key = min(findings, key=lambda found: document.line(found[0], key=found[2]))
    raise document.error(message, *loc, key=at_key)


def _placed(document: Document, error: ErrorDetails) -> tuple[Loc, str, bool]:
    """Return what one finding is about, the finding in words, and whether the key is meant."""
    loc, context = error["loc"], error.get("ctx", {})
    if error["type"] in ("unknown_key", "no_value"):
        return (*document.known_part(loc), context["key"]), context["problem"], True
    loc = document.known_part(loc)
    names = [part for part in loc if isinstance(part, str)]
    shown = names[-2:] if names and names[-1] in SCALES else names[-1:]
    subject = f"{'.'.join(shown)}: " if shown else ""
    return loc, subject + _in_words(error, context), False


def _in_words(error: ErrorDetails, context: dict[str, Any]) -> str:
    kind, given = error["type"], describe(error["input"])
    if kind == "value_error":
        return str(context["error"])
    if kind in _WANTED:
        quotes = "; put it in quotes" if kind == "string_type" and given.startswith("the ") else ""
        return f"must be {_WANTED[kind]}, not {given}{quotes}"
    if kind == "literal_error":
        return f"must be {context['expected']}, not {given}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}, not {given}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}, not {given}"
    return error["msg"]
