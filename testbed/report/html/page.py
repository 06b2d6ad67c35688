# SPDX-License-Identifier: GPL-2.0-only
"""The page itself: template, style and scripts, which are files beside this one, with the data put in.

Nothing that stands in the data can become markup: what is shown at once is JSON without a ``<``, the rest is packed.
The page's policy lets no request leave, and no script run but these.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from testbed.report.html.text import fit

__all__ = ["SCRIPTS", "as_json", "charts", "page"]

# In this order they are one script.
SCRIPTS = (
    *("dom.js", "packed.js", "state.js", "theme.js", "verdicts.js", "head.js", "matrix.js", "tooltip.js", "places.js"),
    *("map.js", "maps.js", "charts.js", "curve.js", "bars.js", "panel.js", "costs.js", "suites.js", "history.js"),
    "main.js",
)
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def as_json(data: Any) -> str:
    """Write JSON that stands in markup as it is: ASCII, no ``<``, no number that JavaScript cannot read."""
    text = json.dumps(fit(data), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def charts() -> str:
    """Give the text of the library that draws charts."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]  # half a second; who makes no page waits not

    text: str = get_plotlyjs()
    return text


def page(title: str, data: Mapping[str, Any], packed: Mapping[str, bytes], library: str) -> str:
    """Give the page; ``packed`` holds by name what is unpacked when it is asked for, ``library`` too."""
    script = "".join(["(() => {\n'use strict';\n", *(_read(name) for name in SCRIPTS), "})();\n"])
    policy = (
        f"default-src 'none'; script-src {_hash(script)} {_hash(library)}; style-src 'unsafe-inline'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    blobs = {**packed, "charts": library.encode()}
    slots = {
        "policy": policy,
        "title": "".join(letter for letter in title if letter.isalnum() or letter in "-_. "),
        "style": _read("style.css"),
        "data": as_json(data),
        "script": script,
        "packed": "\n".join(
            f'<script type="text/plain" id="packed-{name}">{_pack(content)}</script>' for name, content in blobs.items()
        ),
    }
    return _SLOT.sub(lambda found: slots[found[1]], _read("page.html"))


def _pack(content: bytes) -> str:
    # without a time stamp: the same run gives the same page
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
