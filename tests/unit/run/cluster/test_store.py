# SPDX-License-Identifier: GPL-2.0-only
"""Artefacts on their way from host to host: whole and as they were, or not there."""

import io
import tarfile
import threading
import zlib

import pytest
from fakes import kernel_image

from testbed.errors import MeasureError
from testbed.run.cluster import store
from testbed.run.cluster.share import shares
from testbed.run.cluster.wire import kernel_artefact, pack, unpack


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own, of which nothing is known yet."""
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_known", {})
    return tmp_path / "cache"


@pytest.fixture
def kernel(tmp_path):
    return kernel_image(tmp_path / "built" / "k", "k")


def files_below(path) -> list:
    return [found for found in path.rglob("*") if found.is_file()] if path.exists() else []


def test_artefact_arrives_as_it_was(kernel, monkeypatch):
    monkeypatch.setattr(store, "CHUNK_BYTES", 1000)  # so that a file is more than one piece
    artefact = kernel_artefact(kernel)
    assert store.find(artefact) is None
    chunks = list(store.chunks_of(artefact, kernel.path))
    assert len(chunks) > 3
    entry = store.install(artefact, chunks)
    assert store.find(artefact) == entry
    for name in ("bzImage", "vmlinux", "System.map"):
        assert (entry / name).read_bytes() == (kernel.path / name).read_bytes()


@pytest.mark.parametrize(
    "tear",
    [
        lambda chunks: chunks[:-1],
        lambda chunks: [*chunks[:-1], chunks[-1][:10]],
        lambda chunks: [zlib.compress(b"x" * len(zlib.decompress(chunks[0]))), *chunks[1:]],
        lambda chunks: [],
    ],
    ids=["a piece is missing", "a piece is cut off", "other content", "nothing came"],
)
def test_torn_transfer_leaves_nothing(kernel, cache, tear):
    artefact = kernel_artefact(kernel)
    with pytest.raises(MeasureError, match="came"):
        store.install(artefact, tear(list(store.chunks_of(artefact, kernel.path))))
    assert store.find(artefact) is None
    assert files_below(cache / "fetched") == []
    store.install(artefact, list(store.chunks_of(artefact, kernel.path)))
    assert store.find(artefact) is not None


def test_what_two_cells_want_at_once_is_written_once(kernel, monkeypatch):
    artefact = kernel_artefact(kernel)
    chunks = list(store.chunks_of(artefact, kernel.path))
    written = []
    write = store._write
    monkeypatch.setattr(store, "_write", lambda path, *rest: (written.append(path.name), write(path, *rest)))
    threads = [threading.Thread(target=store.install, args=(artefact, chunks)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == ["System.map", "bzImage", "vmlinux"]


def test_kernel_that_this_host_built_itself_serves_if_it_is_the_same_to_the_byte(kernel, cache):
    artefact = kernel_artefact(kernel)
    built = kernel_image(cache / "kernel" / artefact.key, "k")
    assert store.find(artefact) == built.path


def test_kernel_of_the_same_key_but_another_build_does_not_serve(kernel, cache):
    artefact = kernel_artefact(kernel)
    built = kernel_image(cache / "kernel" / artefact.key, "k")
    content = built.vmlinux.read_bytes()
    built.vmlinux.write_bytes(content[:-1] + b"x")
    assert store.find(artefact) is None


def test_cache_keeps_its_id():
    assert store.store_id() == store.store_id()


def test_caches_have_ids_of_their_own(tmp_path, monkeypatch):
    first = store.store_id()
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path / "other"))
    assert store.store_id() != first


def test_files_of_a_cell_travel_with_their_folders(tmp_path):
    source = tmp_path / "source"
    (source / "first").mkdir(parents=True)
    (source / "console.log").write_bytes(b"\x00\xff" * 5000)
    (source / "first" / "console.log").write_text("before")
    unpack(pack(source), tmp_path / "target")
    assert (tmp_path / "target/console.log").read_bytes() == b"\x00\xff" * 5000
    assert (tmp_path / "target/first/console.log").read_text() == "before"


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_file_that_would_land_outside_the_cell_is_refused(tmp_path, name):
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(MeasureError, match="which is no file of a cell"):
        unpack(sink.getvalue(), tmp_path / "target")
    assert not (tmp_path / "evil").exists()


def test_link_in_the_files_of_a_cell_is_refused(tmp_path):
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(MeasureError, match="no file of a cell"):
        unpack(sink.getvalue(), tmp_path / "target")


def test_torn_files_of_a_cell_are_refused(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "console.log").write_bytes(bytes(range(256)) * 400)
    with pytest.raises(MeasureError, match="can't be read"):
        unpack(pack(source)[:-40], tmp_path / "target")


def test_workers_on_one_host_share_its_cores_and_memory(monkeypatch):
    monkeypatch.setattr("testbed.run.cluster.share.usable", lambda: (7, 9000))
    assert shares(3) == [(3, 3000), (2, 3000), (2, 3000)]
    assert [cores for cores, _ in shares(10)] == [1] * 10
