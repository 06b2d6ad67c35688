# SPDX-License-Identifier: GPL-2.0-only
"""The limits of a cell's expectations, read back from its reason, which is where a record keeps them.

``judge.expect`` writes ``after.left_over.pte 12 <= 16``, ``… 385 <= 0.02 * 19260 (peak.tables.pte)``, and of what is
not met ``… 385 is not <= 16``.
"""

import re
from typing import Any

__all__ = ["checks"]

_NUMBER = r"-?[0-9.]+(?:e[+-]?[0-9]+)?"
_OUTCOME = re.compile(
    rf"(?<![\w.])(?P<metric>[a-z]\w*(?:\.\w+)+) (?P<value>{_NUMBER}) (?P<unmet>is not )?(?P<op><=|>=|==|<|>) "
    rf"(?P<right>{_NUMBER})(?: \* (?P<other>{_NUMBER}) \((?P<name>[\w.]+)\))?(?![\w.])"
)


def checks(reason: str) -> list[dict[str, Any]]:
    """Give ``metric``, ``value``, ``op``, ``limit``, ``met`` and the ``text`` of the limit, for each that is told."""
    return [
        {
            "metric": found["metric"],
            "value": float(found["value"]),
            "op": found["op"],
            "limit": float(found["right"]) * float(found["other"] or 1),
            "text": found["right"] + (f" * {found['other']} ({found['name']})" if found["name"] else ""),
            "met": not found["unmet"],
        }
        for found in _OUTCOME.finditer(reason)
        if _is_number(found["value"], found["right"], found["other"] or "1")
    ]


def _is_number(*words: str) -> bool:
    try:
        [float(word) for word in words]
    except ValueError:
        return False
    return True
