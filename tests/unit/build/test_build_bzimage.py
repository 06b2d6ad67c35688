# SPDX-License-Identifier: GPL-2.0-only
import gzip
import subprocess

import pytest

from testbed.build import recipe
from testbed.build.bzimage import check_build_id
from testbed.errors import BuildError

BUILD_ID = "0123456789abcdef0123456789abcdef01234567"


def bzimage(payload: bytes) -> bytes:
    """An image of one setup sector with its payload 16 bytes into the part behind it."""
    image = bytearray(2 * 512 + 16) + payload
    image[0x1F1] = 1
    image[0x248:0x24C] = (16).to_bytes(4, "little")
    image[0x24C:0x250] = len(payload).to_bytes(4, "little")
    return bytes(image)


def test_image_that_holds_its_own_kernel_is_good(tmp_path):
    (tmp_path / "bzImage").write_bytes(bzimage(gzip.compress(b"text" + bytes.fromhex(BUILD_ID) + b"data")))
    check_build_id(tmp_path / "bzImage", BUILD_ID)


def test_image_that_holds_another_kernel_is_refused(tmp_path):
    (tmp_path / "bzImage").write_bytes(bzimage(gzip.compress(b"the kernel of another build")))
    with pytest.raises(BuildError, match=rf"bzImage holds another kernel than vmlinux \(build ID {BUILD_ID}\)"):
        check_build_id(tmp_path / "bzImage", BUILD_ID)


def test_other_compression_is_not_looked_into(tmp_path):
    (tmp_path / "bzImage").write_bytes(bzimage(b"\xfd7zXZ and so on"))
    check_build_id(tmp_path / "bzImage", BUILD_ID)


def test_assembler_that_takes_in_a_file_is_compiled_anew_when_that_file_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("CCACHE_DIR", str(tmp_path / "ccache"))
    compiler = next(word for word in recipe.make_argv(tmp_path) if word.startswith("CC=")).removeprefix("CC=")
    (tmp_path / "piggy.S").write_text('.data\n.incbin "payload"\n')
    objects = []
    for payload in (b"one kernel", b"two kernel"):
        (tmp_path / "payload").write_bytes(payload)
        line = f"{compiler} -MD -c -o piggy.o piggy.S"
        subprocess.run(["sh", "-c", line], cwd=tmp_path, env=recipe.build_environment(tmp_path), check=True)
        objects.append((tmp_path / "piggy.o").read_bytes())
    assert b"one kernel" in objects[0]
    assert b"two kernel" in objects[1]
