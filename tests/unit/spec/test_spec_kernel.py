# SPDX-License-Identifier: GPL-2.0-only
"""Kernels: sources, fragments in order, flavours that stack."""

from pathlib import Path

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import Absent, AptSource, GitSource, TarballSource, TreeSource, load_kernels, resolve_kernel


def test_kernels_come_in_the_order_of_the_file_and_know_their_line(checkout: Checkout) -> None:
    kernels = load_kernels(checkout.root)
    assert {name: spec.where for name, spec in kernels.items()} == {
        "vanilla-6.12": "kernel/kernels.yaml:2",
        "ptreclaim-6.12": "kernel/kernels.yaml:5",
    }
    assert kernels["vanilla-6.12"].source == AptSource("linux-source-6.12")
    assert kernels["vanilla-6.12"].series is None
    assert kernels["ptreclaim-6.12"].series == "ptreclaim"


def test_flavours_stack_in_the_order_they_are_named_after_the_kernels_own_fragments(checkout: Checkout) -> None:
    spec = resolve_kernel(checkout.root, "ptreclaim-6.12+kcsan+debug")
    assert spec.name == "ptreclaim-6.12+kcsan+debug"
    assert [path.stem for path in spec.fragments] == ["base", "ptreclaim", "kcsan", "debug"]
    assert all(path.is_absolute() and path.is_file() for path in spec.fragments)


def test_release_is_named_before_the_flavours(checkout: Checkout) -> None:
    spec = resolve_kernel(checkout.root, "ptreclaim-6.12@6.12.116+debug")
    assert spec.source == AptSource("linux-source-6.12", release="6.12.116")
    assert (spec.name, spec.series) == ("ptreclaim-6.12@6.12.116+debug", "ptreclaim")
    assert [path.stem for path in spec.fragments] == ["base", "ptreclaim", "debug"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vanilla-6.12@last", "kernel 'vanilla-6.12@last': 'last' is no release; write NAME@RELEASE like "),
        (
            "vanila-6.12",
            "unknown kernel 'vanila-6.12'; did you mean 'vanilla-6.12'? known: ptreclaim-6.12, vanilla-6.12",
        ),
        ("vanilla-6.12+", "unknown flavour ''; known: debug, kcsan, ptreclaim (in kernel 'vanilla-6.12+')"),
        ("vanilla-6.12+base", "unknown flavour 'base'; "),
        ("vanilla-6.12+../x", "unknown flavour '../x'; "),
        ("", "unknown kernel ''; known: ptreclaim-6.12, vanilla-6.12"),
    ],
)
def test_a_kernel_that_does_not_exist_is_told_with_a_near_one(checkout: Checkout, name: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        resolve_kernel(checkout.root, name)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("{tarball: 'https://h/l.tar.xz', sha256: " + "A1" * 32 + "}", TarballSource("https://h/l.tar.xz", "a1" * 32)),
        ("{git: 'https://h/l.git', commit: " + "0f" * 20 + "}", GitSource("https://h/l.git", "0f" * 20)),
        ("{apt: linux-source-7.3, suite: trixie-backports}", AptSource("linux-source-7.3", "trixie-backports")),
        ("{tree: /src/linux}", TreeSource(Path("/src/linux"))),
    ],
)
def test_a_source_is_a_package_a_tarball_a_commit_or_a_tree(checkout: Checkout, written: str, source: object) -> None:
    checkout.change("kernel/kernels.yaml", "{apt: linux-source-6.12}\n    why", f"{written}\n    why")
    assert load_kernels(checkout.root)["vanilla-6.12"].source == source


def test_a_relative_tree_counts_from_the_root_of_the_checkout(checkout: Checkout) -> None:
    checkout.change("kernel/kernels.yaml", "{apt: linux-source-6.12}\n    why", "{tree: ../linux}\n    why")
    assert load_kernels(checkout.root)["vanilla-6.12"].source == TreeSource(checkout.root.parent / "linux")


def test_options_that_the_source_lacks_are_kept_by_flavours_too_and_know_their_line(checkout: Checkout) -> None:
    old, new = "    why: the problem", "    why: the problem\n    without:\n      - X86_5LEVEL\n      - SWAP"
    checkout.change("kernel/kernels.yaml", old, new)
    assert resolve_kernel(checkout.root, "vanilla-6.12+debug").absent == (
        Absent("CONFIG_X86_5LEVEL", "kernel/kernels.yaml:6"),
        Absent("CONFIG_SWAP", "kernel/kernels.yaml:7"),
    )


def test_a_spec_is_frozen(checkout: Checkout) -> None:
    spec = resolve_kernel(checkout.root, "vanilla-6.12")
    with pytest.raises(AttributeError):
        spec.name = "other"  # type: ignore[misc]
