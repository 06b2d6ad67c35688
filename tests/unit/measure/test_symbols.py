# SPDX-License-Identifier: GPL-2.0-only
import shutil
import subprocess

import pytest

from testbed.errors import MeasureError
from testbed.measure.symbols import Place, Symbols

MAP = """\
0000000000000000 D per_cpu_start
ffffffff81000000 T _stext
ffffffff81000100 t work
ffffffff81000140 t twin
ffffffff81000150 t twin
ffffffff81000180 T last
ffffffff82000000 D data
"""
SOURCE = """\
static inline int inner(int x)
{
	return x / (x - 1);
}

int outer(int x)
{
	return inner(x) + 1;
}

int main(void)
{
	return outer(3);
}
"""


@pytest.fixture
def symbols(tmp_path):
    (tmp_path / "System.map").write_text(MAP)
    return Symbols(tmp_path / "vmlinux")


def test_address_is_named_by_the_function_before_it(symbols):
    assert symbols.near(0xFFFFFFFF81000123) == "work+0x23"


def test_address_of_user_space_has_no_name(symbols):
    assert symbols.near(0x401000) is None


def test_functions_that_share_a_name_are_told_apart_by_size(symbols):
    assert symbols.address("twin", 0x30) == 0xFFFFFFFF81000150
    assert symbols.address("nobody", 1) is None


def test_missing_map_is_a_measure_error(tmp_path):
    with pytest.raises(MeasureError, match=r"System\.map"):
        Symbols(tmp_path / "vmlinux").near(1)


def test_place_names_inlined_functions_first(tmp_path):
    if shutil.which("gcc") is None or shutil.which("addr2line") is None:
        pytest.skip("gcc or addr2line is not installed")
    source, binary = tmp_path / "a.c", tmp_path / "a.out"
    source.write_text(SOURCE)
    subprocess.run(["gcc", "-O2", "-g", "-no-pie", "-fno-ipa-cp", "-o", binary, source], check=True)
    listed = subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout
    outer = next(int(line.split()[0], 16) for line in listed.splitlines() if line.endswith(" T outer"))
    (places,) = Symbols(binary).places([outer])
    assert places[-1].function == "outer"
    everywhere = [place for found in Symbols(binary).places(range(outer, outer + 12)) for place in found]
    assert any(place.function == "inner" and place.where.endswith("a.c:3") for place in everywhere)
    assert Place("outer", places[-1].where) == places[-1]
