"""Artifacts appear whole or not at all, and damage is told in words."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from logassay import files
from logassay.errors import UserError
from logassay.resume import LEFTOVER


def test_a_failing_writer_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    files.write_text(path, "old")

    def fail() -> None:
        with files.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_scratch_folder_is_nobody_elses_and_gone_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "results" / ".pieces"
    with files.scratch_folder(folder) as made, files.scratch_folder(folder) as other:
        assert made != other
        assert made.parent == folder.parent
        assert LEFTOVER.fullmatch(made.name)
        assert list(made.iterdir()) == []
        (made / "file").write_text("x")
    assert list(folder.parent.iterdir()) == []


def test_an_error_while_writing_names_the_file(tmp_path: Path) -> None:
    def write() -> None:
        with files.atomic_path(tmp_path / "a.txt") as temporary:
            assert LEFTOVER.fullmatch(temporary.name)
            raise OSError("full")

    with pytest.raises(OSError, match="full") as caught:
        write()
    assert caught.value.__notes__ == [str(tmp_path / "a.txt")]


def test_json_refuses_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "x.json", {"f1": float("nan")})


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


FRAME = pl.DataFrame(
    {"a": [1, 2, 3], "b": [["x"], [], ["y", "z"]], "text": ["sha256", "logassay.sha256\x18@", '"sha256": "']}
)


def write_pieces(path: Path) -> None:
    with files.parquet_pieces(path, FRAME.schema, 2) as file:
        file.append(FRAME)


WRITERS: dict[str, Callable[[Path], None]] = {
    "whole.parquet": lambda path: files.write_parquet(FRAME, path),
    "pieces.parquet": write_pieces,
    "facts.json": lambda path: files.write_json(path, {"made": {"sha256": "0" * 64}, "text": "é"}),
    "empty.json": lambda path: files.write_json(path, {}),
}
READERS: dict[str, list[Callable[[Path], Any]]] = {
    ".parquet": [files.read_parquet, files.scan_parquet, files.open_parquet, files.columns_of],
    ".json": [files.read_json],
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_seal_is_the_digest_of_all_other_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    data = path.read_bytes()
    digests = [hashlib.sha256(data[:place] + data[place + 64 :]).hexdigest() for place in range(len(data) - 63)]
    assert [place for place, digest in enumerate(digests) if data[place : place + 64] == digest.encode()] != []
    assert list(tmp_path.iterdir()) == [path]
    if path.suffix == ".json":
        assert list(json.loads(data))[-1] == "sha256"
    files.check(path)
    assert files.sha256_of(path) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", WRITERS)
def test_every_flipped_byte_and_every_cut_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(flipped(data, place))
        with pytest.raises(UserError, match=rf"{name} is damaged \(.*\); delete it and run Snakemake again\."):
            files.check(path)
    for length in [0, 1, *range(4, len(data), 97), len(data) - 1]:
        path.write_bytes(data[:length])
        for read in READERS[path.suffix]:
            with pytest.raises(UserError, match=rf"{name} is damaged \(.*\); delete it and run Snakemake again\."):
                read(path)
    path.write_bytes(data)
    for read in READERS[path.suffix]:
        read(path)


def test_what_another_program_wrote_is_refused(tmp_path: Path) -> None:
    FRAME.select("a").write_parquet(tmp_path / "x.parquet")
    (tmp_path / "x.json").write_text('{"a": 1}')
    for path in tmp_path.iterdir():
        with pytest.raises(UserError, match=r"is damaged \(it has no checksum: .* an older version"):
            READERS[path.suffix][0](path)
    with pytest.raises(ValueError, match="the key sha256 is for the seal"):
        files.write_json(tmp_path / "x.json", {"sha256": "mine"})


def test_a_file_is_read_again_only_after_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    files.write_json(path, {"a": 1})
    os.utime(path, (1e9, 1e9))
    files.check(path)
    digest = files.sha256_of(path)
    with monkeypatch.context() as patch:
        patch.setattr(files.hashlib, "sha256", lambda: pytest.fail("read again"))
        patch.setattr(files.hashlib, "file_digest", lambda stream, name: pytest.fail("read again"))
        files.check(path)
        assert files.sha256_of(path) == digest
    path.write_bytes(flipped(path.read_bytes(), 3))
    with pytest.raises(UserError, match="damaged"):
        files.check(path)
    assert files.sha256_of(path) != digest


def test_a_file_without_a_seal_is_compared_with_its_record(tmp_path: Path) -> None:
    log, record = tmp_path / "raw.log", tmp_path / "raw.json"
    log.write_bytes(b"one\ntwo\n")
    files.write_json(record, {"made": files.digests_of(raw=log, kinds=None)})
    assert files.read_json(record) == {"made": {"raw": hashlib.sha256(b"one\ntwo\n").hexdigest()}}
    files.check_made(log, "raw", record)
    for data in (b"one\ntwp\n", b"one\n", b""):
        log.write_bytes(data)
        with pytest.raises(UserError, match=r"raw\.log is damaged .* the checksum in raw\.json\); delete it"):
            files.check_made(log, "raw", record)
    with pytest.raises(UserError, match=r"labels\.csv does not exist"):
        files.check_made(tmp_path / "labels.csv", "labels", record)


def test_parquet_has_the_same_bytes_twice(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2, 3], "b": [["x"], [], ["y", "z"]]})
    for name in ("one", "two"):
        files.write_parquet(frame, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert files.read_parquet(tmp_path / "one").equals(frame)


def test_a_missing_column_or_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    files.write_parquet(pl.DataFrame({"a": [1, 2, 3]}), path)
    with pytest.raises(UserError, match=r"x\.parquet lacks a needed column"):
        files.read_parquet(path, ["b"])
    path.unlink()
    with pytest.raises(UserError, match=r"x\.parquet does not exist"):
        files.read_parquet(path)
