# SPDX-License-Identifier: GPL-2.0-only
"""The half of an error message that says what would be right."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["describe", "near", "unknown"]

_LONGEST_SHOWN = 60


def near(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant; of a path the last part alone may be what is right."""
    words = list(known)
    if close := get_close_matches(word, words, n=1):
        return close[0]
    by_end = {known_word.rsplit("/", 1)[-1]: known_word for known_word in words}
    close = get_close_matches(word.rsplit("/", 1)[-1], by_end, n=1)
    return by_end[close[0]] if close else None


def unknown(what: str, word: str, known: Iterable[str], shown: Iterable[str] | None = None) -> str:
    """Say that ``word`` is no known ``what``, and which ones there are: ``shown`` in place of a list too long."""
    words = sorted(known)
    meant = near(word, words)
    guess = f"did you mean {meant!r}? " if meant else ""
    listed = words if shown is None else sorted(shown)
    return f"unknown {what} {word!r}; {guess}known: {', '.join(listed) or 'none yet'}"


def describe(value: object) -> str:
    """Name a value as the person who wrote it would."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the truth value {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str() if len(value) > _LONGEST_SHOWN:
            return f"the text {value[:_LONGEST_SHOWN] + '…'!r}"
        case str():
            return f"the text {value!r}"
        case list():
            return "a list"
        case _:
            return "a mapping"
