# SPDX-License-Identifier: GPL-2.0-only
"""What differs between two points of a series, for a person: the patches, source, build, guest, host, accelerator."""

from testbed.judge.trend import Point

__all__ = ["between", "short"]

# Digits of a hash that a person can still compare by eye.
SHORT = 8


def short(digest: str | None) -> str:
    """Give the first digits of a hash, or ``none``."""
    return digest[:SHORT] if digest else "none"


def between(good: Point, bad: Point) -> str:
    """Say what changed from the last good point to the first bad one; that nothing did is news as well."""
    told = [
        _change("patches", short(good.patchset_hash), short(bad.patchset_hash)),
        _change("source", good.source_version or "unknown", bad.source_version or "unknown"),
    ]
    same_content = good.patchset_hash == bad.patchset_hash and good.source_version == bad.source_version
    if same_content and good.kernel_key != bad.kernel_key:
        told.append(f"kernel's config or compiler {short(good.kernel_key)}→{short(bad.kernel_key)}")
    told += [
        f"{what} {was or 'unknown'}→{now or 'unknown'}"
        for what, was, now in (
            ("guest", good.guest_key[:SHORT], bad.guest_key[:SHORT]),
            ("host", good.host, bad.host),
            ("accelerator", good.accel, bad.accel),
        )
        if was != now
    ]
    changed = any("→" in text for text in told)
    return ", ".join(told) if changed else "nothing: the same kernel, guest and kind of host"


def _change(what: str, was: str, now: str) -> str:
    return f"{what} unchanged" if was == now else f"{what} {was}→{now}"
