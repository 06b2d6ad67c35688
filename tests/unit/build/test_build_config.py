# SPDX-License-Identifier: GPL-2.0-only
from pathlib import Path

import pytest

from testbed.build.config import check_config, read_fragments, requested_text
from testbed.errors import BuildError, SpecError


def _fragments(folder: Path, **texts: str) -> list[Path]:
    for name, text in texts.items():
        (folder / f"{name}.config").write_text(text)
    return [folder / f"{name}.config" for name in texts]


def test_later_fragment_overrides_an_earlier_one(tmp_path: Path):
    asked = read_fragments(_fragments(tmp_path, base="CONFIG_A=y\nCONFIG_B=y\n", mine="# CONFIG_A is not set\n"))
    assert [(entry.option, entry.value, entry.where) for entry in asked] == [
        ("CONFIG_A", "n", "mine.config:1"),
        ("CONFIG_B", "y", "base.config:2"),
    ]
    assert requested_text(asked) == "# CONFIG_A is not set\nCONFIG_B=y\n"


def test_comments_do_not_change_what_is_asked(tmp_path: Path):
    plain, told = _fragments(tmp_path, plain="CONFIG_A=y\n", told="# why\n\nCONFIG_A=y\n")
    assert requested_text(read_fragments([plain])) == requested_text(read_fragments([told]))


def test_line_that_is_no_option_says_where(tmp_path: Path):
    with pytest.raises(SpecError, match=r"base.config:2: .*CONFG_A=y"):
        read_fragments(_fragments(tmp_path, base="# x\nCONFG_A=y\n"))


def test_every_dropped_option_is_listed_with_its_place(tmp_path: Path):
    asked = read_fragments(_fragments(tmp_path, base='CONFIG_A=y\nCONFIG_S="x"\n', debug="CONFIG_K=y\nCONFIG_OFF=n\n"))
    result = tmp_path / "result"
    result.write_text('CONFIG_A=y\nCONFIG_S="y"\n# CONFIG_K is not set\nCONFIG_OFF=y\n')
    with pytest.raises(BuildError) as caught:
        check_config(result, asked)
    text = str(caught.value)
    assert "3 of 4 options were not granted" in text
    assert "debug.config:1: CONFIG_K=y asked, got n" in text
    assert "debug.config:2: CONFIG_OFF=n asked, got y" in text
    assert 'base.config:2: CONFIG_S="x" asked, got "y"' in text
    assert "CONFIG_A" not in text


def test_absent_is_as_good_as_not_set(tmp_path: Path):
    asked = read_fragments(_fragments(tmp_path, base="CONFIG_A=n\n# CONFIG_B is not set\n"))
    result = tmp_path / "result"
    result.write_text("# CONFIG_A is not set\n")
    check_config(result, asked)
