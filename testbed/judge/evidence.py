# SPDX-License-Identifier: GPL-2.0-only
"""What a cell left behind, as the judge sees it; kept beside the console so that a cell can be judged again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from testbed.judge.signature import Sighting

__all__ = ["Evidence"]


@dataclass(frozen=True)
class Evidence:
    """What a cell left behind.

    ``exit`` is the agent's exit message (None if it never came), ``loss`` why the guest was lost, ``hung`` whether by
    falling silent, ``harness`` what kept the testbed from judging, ``phases`` the records by phase name, ``wanted`` the
    phases that the scenario promises, ``words`` the workload's last on stderr, ``refuted`` signatures that the kernel's
    own log denies, ``log`` that log as read from memory where the guest was lost, ``tainted`` the taint flags before
    the workload ran, ``unexamined`` why nobody was to look at the guest from outside (empty: all was looked at).
    """

    nonce: str
    console: str
    wanted: Sequence[str]
    exit: Mapping[str, Any] | None = None
    loss: str | None = None
    hung: bool = False
    harness: str | None = None
    phases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    words: str = ""
    refuted: Collection[Sighting] = ()
    log: str = ""
    tainted: int = 0
    unexamined: str = ""

    def record(self) -> dict[str, Any]:
        """Give the JSON object of ``evidence.json``: all but console and log, which have files of their own."""
        fields = asdict(self)
        del fields["console"], fields["log"]
        return {**fields, "refuted": [asdict(sighting) for sighting in self.refuted]}

    @classmethod
    def of(cls, record: Mapping[str, Any], console: str, log: str = "") -> "Evidence":
        """Read :meth:`record`'s object."""
        refuted = frozenset(Sighting(**fields) for fields in record["refuted"])
        return cls(**{**record, "console": console, "log": log, "refuted": refuted})
