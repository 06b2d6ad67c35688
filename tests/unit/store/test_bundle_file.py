# SPDX-License-Identifier: GPL-2.0-only
"""Bundles on disk: the same bytes for the same files, and nothing but a whole bundle is unpacked."""

import hashlib
import io
import os
import random
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from testbed.errors import SpecError
from testbed.store.bundle import SUMS, Limits, Member, is_bundle, unpack_bundle, write_bundle

FILES = {
    "README.md": b"# A bundle\n",
    "patches/0001-a.patch": b"--- a\n+++ b\n",
    "patches/series": b"0001-a.patch\n",
    "reproduce.sh": b"#!/bin/sh\n",
    "vmlinux": os.urandom(100_000),
}
SEED = 20261124
LIMITS = Limits()


def write(path: Path, files: dict[str, bytes] = FILES) -> Path:
    write_bundle(path, "b", {name: Member(data, name.endswith(".sh")) for name, data in files.items()})
    return path


def sums(files: dict[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()).encode()


def entry(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def packed(path: Path, *entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.USTAR_FORMAT) -> Path:
    """Write an archive as somebody else would, with the sums of its regular files unless it brings some."""
    regular = {info.name.partition("/")[2]: data for info, data in entries if info.isreg()}
    if SUMS not in regular:
        entries = (*entries, entry(f"b/{SUMS}", sums(regular)))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    tar = out.getvalue().rstrip(b"\0")
    path.write_bytes(zstandard.compress(tar + bytes(-len(tar) % 512 + 1024)))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def raw(path: Path, tar: bytes) -> Path:
    path.write_bytes(zstandard.compress(tar))
    return path


def tar_of(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompress(path.read_bytes())


def refusal(path: Path, tmp_path: Path, limits: Limits = LIMITS) -> str:
    """Give why it is refused, having seen that nothing was written but below the folder that it was to go to."""
    yard = tmp_path / "yard"
    into = yard / "deep" / "into"
    into.mkdir(parents=True)
    (yard / "victim").write_text("untouched")
    before = {path: path.stat().st_mtime_ns for path in (yard / "victim", yard / "deep")}
    with pytest.raises(SpecError) as refused:
        unpack_bundle(path, into, limits)
    assert (yard / "victim").read_text() == "untouched"
    assert names(yard) == ["deep", "victim"]
    assert names(yard / "deep") == ["into"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not any(found.is_symlink() for found in into.rglob("*"))
    said = str(refused.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    return said


def test_the_same_files_give_the_same_bytes(tmp_path):
    one = write(tmp_path / "one.tar.zst").read_bytes()
    source = tmp_path / "vmlinux"
    source.write_bytes(FILES["vmlinux"])
    os.utime(source, (1, 1))
    source.chmod(0o4777)
    other = {name: Member(data, name.endswith(".sh")) for name, data in reversed(FILES.items())}
    write_bundle(tmp_path / "two.tar.zst", "b", {**other, "vmlinux": Member(source)})
    assert (tmp_path / "two.tar.zst").read_bytes() == one
    assert names(tmp_path) == ["one.tar.zst", "two.tar.zst", "vmlinux"]


def test_any_tar_unpacks_it_into_one_folder_with_sums_that_hold(tmp_path):
    tar = io.BytesIO(tar_of(write(tmp_path / "b.tar.zst")))
    with tarfile.open(fileobj=tar) as archive:
        for info in archive:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")
            assert info.mode == (0o755 if info.name.endswith(".sh") else 0o644)
        assert archive.getnames() == sorted(archive.getnames())
        read = {name.removeprefix("b/"): archive.extractfile(name).read() for name in archive.getnames()}
    assert read.pop(SUMS) == sums(FILES)
    assert read == FILES


def test_what_was_written_is_read_back(tmp_path):
    top = unpack_bundle(write(tmp_path / "b.tar.zst"), tmp_path)
    assert top == tmp_path / "b"
    assert {name: (top / name).read_bytes() for name in FILES} == FILES
    assert not (top / "reproduce.sh").stat().st_mode & 0o111  # nothing of a bundle is run on this host


def test_bundle_is_known_by_its_name_or_by_its_first_bytes(tmp_path):
    assert is_bundle("somewhere/x.tar.zst")
    assert is_bundle(str(write(tmp_path / "renamed")))
    assert not is_bundle("bugs/server-vmpte-110g")
    assert not is_bundle(str(tmp_path))


@pytest.mark.parametrize(
    "name", ["/etc/evil", "b/../../victim", "../victim", "b/..", "b//x", "./b/x", "b/x\\y", "b/\n"]
)
def test_names_that_leave_the_folder_or_are_none_are_refused(name, tmp_path):
    assert "leaves its folder" in (said := refusal(packed(tmp_path / "x", entry(name, b"evil")), tmp_path)) or (
        "is no name of a bundle's file" in said
    )


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a named pipe"),
        (tarfile.DIRTYPE, "a folder of its own"),
        (tarfile.CONTTYPE, "of an unknown kind"),
    ],
)
def test_what_is_no_file_is_refused(kind, what, tmp_path):
    evil = packed(tmp_path / "x", entry("b/README.md", b"x"), entry("b/link", kind=kind, link="../../victim"))
    assert what in refusal(evil, tmp_path)


def test_writing_through_a_link_is_refused_at_the_link(tmp_path):
    link = entry("b/out", kind=tarfile.SYMTYPE, link="../..")
    assert "a symbolic link" in refusal(packed(tmp_path / "x", link, entry("b/out/victim", b"evil")), tmp_path)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_extended_headers_are_refused(form, tmp_path):
    info, data = entry("b/" + "x" * 90 + "/" + "y" * 90, b"x")
    info.pax_headers = {"path": "../../victim"} if form == tarfile.PAX_FORMAT else {}
    said = refusal(packed(tmp_path / "x", (info, data), form=form), tmp_path)
    assert "an extended header" in said or "not the tar archive that a bundle is" in said


def test_an_entry_of_a_name_that_was_there_is_refused(tmp_path):
    twice = packed(tmp_path / "x", entry("b/README.md", b"x"), entry("b/README.md", b"y"))
    assert "'b/README.md' twice" in refusal(twice, tmp_path)


@pytest.mark.parametrize("names", [("b/a", "b/a/b"), ("b/a/b", "b/a")])
def test_a_file_that_is_a_folder_as_well_is_refused(names, tmp_path):
    assert "is a file and a folder" in refusal(packed(tmp_path / "x", *map(entry, names)), tmp_path)


def test_more_than_one_folder_is_refused(tmp_path):
    assert "two folders, 'b' and 'c'" in refusal(packed(tmp_path / "x", entry("b/a"), entry("c/a")), tmp_path)
    assert "is not in a folder" in refusal(packed(tmp_path / "y", entry("a")), tmp_path / "second")


@pytest.mark.parametrize(
    ("listed", "what"),
    [
        ({"a": b"x"}, "'b' is not in SHA256SUMS"),
        ({"a": b"x", "b": b"y", "c": b"z"}, "'c' is not there"),
        ({"a": b"x", "b": b"z"}, "'b' is not what SHA256SUMS says"),
        ({"a": b"", "b": b"", "c": b""}, "'c' is not there"),
    ],
)
def test_files_that_are_not_those_of_the_sums_are_refused(listed, what, tmp_path):
    evil = packed(tmp_path / "x", entry("b/a", b"x"), entry("b/b", b"y"), entry(f"b/{SUMS}", sums(listed)))
    assert what in refusal(evil, tmp_path)


def test_sums_that_are_none_are_refused(tmp_path):
    for number, text in enumerate((b"no sum\n", sums({"a": b"x"}) * 2, b"\xff\n")):
        evil = packed(tmp_path / f"x{number}", entry("b/a", b"x"), entry(f"b/{SUMS}", text))
        assert "refused" in refusal(evil, tmp_path / f"t{number}")
    regular = tar_of(packed(tmp_path / "y", entry("b/a", b"x")))[:1024]
    assert f"has no {SUMS}" in refusal(raw(tmp_path / "z", regular + bytes(1024)), tmp_path / "no")


def test_a_file_that_is_not_compressed_by_zstd_is_refused(tmp_path):
    for number, data in enumerate((b"", b"PK\3\4", b"\x1f\x8b\x08", os.urandom(4096), b"\x28\xb5\x2f\xfd")):
        path = tmp_path / f"x{number}"
        path.write_bytes(data)
        assert "refused" in refusal(path, tmp_path / f"t{number}")
    assert "No such file" in refusal(tmp_path / "none.tar.zst", tmp_path / "gone")
    assert "directory" in refusal(tmp_path, tmp_path / "folder")


def test_a_bundle_that_is_cut_off_anywhere_is_refused(tmp_path):
    whole = write(tmp_path / "b.tar.zst").read_bytes()
    cuts = {0, 1, 5, len(whole) - 1, len(whole) - 2, len(whole) - 5}
    for cut in cuts | set(random.Random(SEED).sample(range(len(whole)), 20)):
        (tmp_path / "cut").write_bytes(whole[:cut])
        refusal(tmp_path / "cut", tmp_path / f"t{cut}")


def test_an_archive_that_is_cut_off_in_a_whole_frame_is_refused(tmp_path):
    tar = tar_of(write(tmp_path / "b.tar.zst"))
    for cut in (0, 1, 511, 512, 1000, len(tar) - 1024, len(tar) - 1):
        assert "refused" in refusal(raw(tmp_path / "cut", tar[:cut]), tmp_path / f"t{cut}")


def test_anything_behind_the_end_is_refused(tmp_path):
    bundle = write(tmp_path / "b.tar.zst")
    whole, tar = bundle.read_bytes(), tar_of(bundle)
    for number, data in enumerate((whole + b"x", whole + whole, whole + bytes(10_000))):
        (tmp_path / "x").write_bytes(data)
        assert "behind its end" in refusal(tmp_path / "x", tmp_path / f"t{number}")
    assert "refused" in refusal(raw(tmp_path / "y", tar[:-512] + b"x" * 512), tmp_path / "u")
    assert "behind its end" in refusal(raw(tmp_path / "z", tar + tar), tmp_path / "v")


def test_a_byte_that_is_another_is_noticed_wherever_it_is(tmp_path):
    bundle, dice = write(tmp_path / "b.tar.zst"), random.Random(SEED)
    whole, tar = bundle.read_bytes(), tar_of(bundle)
    for number in range(60):
        # the magic of the frame, its header and its data; and the archive in it, compressed again
        packed_at, at = (number if number < 20 else dice.randrange(len(whole))), dice.randrange(len(tar) - 1024)
        (tmp_path / "x").write_bytes(
            whole[:packed_at] + bytes([whole[packed_at] ^ 1 << dice.randrange(8)]) + whole[packed_at + 1 :]
        )
        refusal(tmp_path / "x", tmp_path / f"p{number}")
        flipped = raw(tmp_path / "y", tar[:at] + bytes([tar[at] ^ 1 << dice.randrange(8)]) + tar[at + 1 :])
        refusal(flipped, tmp_path / f"t{number}")


def test_bombs_are_refused_long_before_they_are_unpacked(tmp_path):
    small = Limits(entries=10, entry=1 << 20, total=2 << 20, ratio=200)
    many = [entry(f"b/{number}") for number in range(11)]
    assert "more than 10 files" in refusal(packed(tmp_path / "many", *many), tmp_path / "1", small)
    large = packed(tmp_path / "large", entry("b/large", bytes(1_048_577)))
    assert "'b/large' would be 1 MiB; 1 are allowed" in refusal(large, tmp_path / "2", small)
    assert "would be 3 MiB; 2 are allowed" in refusal(
        packed(tmp_path / "all", *[entry(f"b/{number}", bytes(1 << 20)) for number in range(3)]), tmp_path / "3", small
    )
    # which says nothing of its size beforehand
    tar, compressor = tar_of(tmp_path / "all"), zstandard.ZstdCompressor().compressobj()
    (tmp_path / "untold").write_bytes(compressor.compress(tar) + compressor.flush())
    assert "more than 2 MiB" in refusal(tmp_path / "untold", tmp_path / "4", small)
    thin = refusal(tmp_path / "untold", tmp_path / "5", replace(small, total=1 << 30, ratio=2))
    assert "more than 2 times as large" in thin
    written = sum(path.stat().st_size for path in (tmp_path / "5").rglob("*") if path.is_file())
    assert written < 3 << 20


def test_a_header_that_lies_about_its_size_writes_no_more_than_there_is(tmp_path):
    info, _ = entry("b/a")
    info.size = 1 << 30
    liar = info.tobuf(tarfile.USTAR_FORMAT) + b"x" * 512
    assert "more than 200 times as large" in refusal(raw(tmp_path / "x", liar), tmp_path / "1")
    info.size = 1 << 20
    assert "is cut off" in refusal(raw(tmp_path / "y", info.tobuf(tarfile.USTAR_FORMAT) + b"x" * 512), tmp_path / "2")


def test_a_window_that_would_fill_the_memory_is_refused(tmp_path):
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=3)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compressor.compress(os.urandom(1000)) + compressor.flush()
    (tmp_path / "x").write_bytes(data)
    assert "zstd is to keep 128 MiB; 32 are allowed" in refusal(tmp_path / "x", tmp_path)


def test_a_name_that_no_bundle_can_have_is_not_written(tmp_path):
    for name in ("../x", "/x", "a//b", "x y", "a/../b", "ä"):
        with pytest.raises(ValueError, match=r"leaves its folder|is no name"):
            write_bundle(tmp_path / "b.tar.zst", "b", {name: Member(b"")})
    assert names(tmp_path) == []


def test_where_it_cannot_be_written_is_said_in_a_line(tmp_path):
    with pytest.raises(SpecError, match=r"No such file or directory; name a file that can be written"):
        write(tmp_path / "no" / "b.tar.zst")
