# SPDX-License-Identifier: GPL-2.0-only
"""What a guest wrote, made fit to be shown: every control character as a picture of itself, and not too much of it."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["fit", "shown", "tail"]

# A terminal would obey these; a browser drops them or, of the directional ones, shows the rest in another order.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PICTURES = 0x2400
_DELETE = 0x7F
# A double, which is what JavaScript makes of a number, holds no more.
_MOST = 10**300


def shown(text: str) -> str:
    """Give the text with line ends as newlines and nothing in it that acts on what shows it."""
    return _UNSHOWN.sub(_picture, text.replace("\r\n", "\n"))


def fit(data: Any) -> Any:
    """Give JSON data that any browser reads: its texts as :func:`shown`, and None for what is no finite number."""
    if isinstance(data, str):
        return shown(data)
    if isinstance(data, Mapping):
        return {shown(str(key)): fit(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [fit(value) for value in data]
    if isinstance(data, int | float) and not (abs(data) < _MOST and math.isfinite(data)):
        return None
    return data


def tail(path: Path, most: int) -> tuple[str, int]:
    """Give the last ``most`` bytes of a file, from a line's begin on, and how many bytes before them were left out.

    A file that is not there is empty.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            data = file.read()
    except OSError:
        return "", 0
    if len(data) < size:
        data = data[data.find(b"\n") + 1 :]
    return shown(data.decode(errors="replace")), size - len(data)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < ord(" "):
        return chr(_PICTURES + code)
    return "\u2421" if code == _DELETE else f"<U+{code:04X}>"
