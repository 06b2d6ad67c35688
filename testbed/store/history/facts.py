# SPDX-License-Identifier: GPL-2.0-only
"""From a run's header and records to rows: the columns of each table by name, no database in sight."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from testbed.judge.measured import label_of, measured, run_start

__all__ = ["CellFacts", "cell_facts", "digest_of", "host_facts", "origin_of", "run_facts", "tool_facts"]

Record = Mapping[str, Any]
Columns = dict[str, Any]


@dataclass(frozen=True)
class CellFacts:
    """All that is kept of one record, by table; ``host`` and ``tools`` are None where the record does not tell them."""

    cell: Columns
    case: Columns
    kernel: Columns
    guest: Columns
    host: Columns | None
    tools: Columns | None
    phases: list[Columns]
    values: Mapping[str, float]

    @property
    def digest(self) -> str:
        """Tell whether two records leave the same in the database."""
        return digest_of(vars(self))


def digest_of(facts: Mapping[str, Any]) -> str:
    """Give 128 bits, as hex, of facts that JSON can hold; the order of keys does not matter."""
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()


def origin_of(header: Record) -> str:
    """Tell a run from one that began in the same second elsewhere; the same before and after it is resumed."""
    return digest_of({name: header.get(name) for name in ("run", "host", "cells")})


def run_facts(header: Record) -> Columns:
    """Give the columns of ``runs`` that the header tells; LookupError or ValueError where it lacks its id."""
    accel = header.get("accel") or {}
    return {
        "at": run_start(header),
        "planned": len(header.get("cells", ())),
        "accel": accel.get("kind", ""),
        "accel_reason": plain(accel.get("reason", "")),
    }


def host_facts(host: Record) -> Columns:
    """Give the columns of ``hosts``."""
    return {
        "key": host.get("id", ""),
        **{name: host.get(name, "") for name in ("name", "machine", "cpu")},
        **{name: host.get(name) for name in ("cpus", "memory_mib")},
    }


def tool_facts(header: Record, host: Record) -> Columns:
    """Give the columns of ``tools``: the testbed's version is the run's, the others are those on ``host``."""
    return {"testbed": header.get("tool", ""), **{name: host.get(name, "") for name in ("qemu", "python", "kernel")}}


def cell_facts(header: Record, record: Record) -> CellFacts:
    """Take a record apart; LookupError, TypeError, AttributeError or ValueError where it is none."""
    kernel, guest, host = record["kernel"], record["guest"], record.get("host")
    first, crash = record.get("first") or {}, record.get("crash") or {}
    return CellFacts(
        cell={
            "name": record["cell"],
            "accel": record["accel"]["kind"],
            "verdict": record["verdict"],
            "reason": plain(record["reason"]),
            "first_verdict": first.get("verdict"),
            "first_reason": plain(first.get("reason")),
            "crash_kind": crash.get("kind"),
            "crash_title": plain(crash.get("title")),
            "crash_fingerprint": crash.get("fingerprint"),
        },
        case={"scenario": label_of(record), "kernel": kernel["name"], "guest": guest["name"]},
        kernel={
            "name": kernel["name"],
            "key": _key(header, "kernels", kernel["name"]),
            "patchset_hash": kernel.get("patchset_hash"),
            **{name: kernel.get(name, "") for name in ("release", "source_version", "config_hash", "build_id")},
        },
        guest={
            "name": guest["name"],
            "key": _key(header, "guests", guest["name"]),
            **{name: guest.get(name) for name in ("vcpus", "memory_mib", "levels")},
        },
        host=host_facts(host) if host else None,
        tools=tool_facts(header, host) if host else None,
        phases=[
            {
                "position": position,
                "name": name,
                **{each: told.get(each) for each in ("agree", "readings", "settle_ms")},
            }
            for position, (name, told) in enumerate(record["phases"].items())
        ],
        values=_finite(measured(record)),
    )


def plain(words: str | None) -> str | None:
    """Make text from a console fit for any database: PostgreSQL takes no NUL, neither takes half a surrogate pair."""
    if words is None:
        return None
    return words.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _finite(values: dict[str, float]) -> dict[str, float]:
    """Refuse what JSON calls NaN: SQLite would keep none of it, and nothing can be compared with it."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
    return values


def _key(header: Record, kind: str, name: str) -> str:
    key: str = header.get(kind, {}).get(name, {}).get("key", "")
    return key
