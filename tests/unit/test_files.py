"""Artifacts appear whole or not at all, and damage is told in words."""

from pathlib import Path

import polars as pl
import pytest

from logassay import files
from logassay.errors import UserError


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


def test_a_scratch_folder_is_empty_at_first_and_gone_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "results" / ".pieces"
    folder.mkdir(parents=True)
    (folder / "left by a killed job").write_text("x")
    with files.scratch_folder(folder) as made:
        assert list(made.iterdir()) == []
        (made / "file").write_text("x")
    assert not folder.exists()


def test_json_refuses_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "x.json", {"f1": float("nan")})


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_damaged_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.json is not valid JSON"):
        files.read_json(path)


def test_parquet_has_the_same_bytes_twice(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2, 3], "b": [["x"], [], ["y", "z"]]})
    for name in ("one", "two"):
        files.write_parquet(frame, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert files.read_parquet(tmp_path / "one").equals(frame)


def test_damaged_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    files.write_parquet(pl.DataFrame({"a": [1, 2, 3]}), path)
    with pytest.raises(UserError, match=r"x\.parquet lacks a needed column"):
        files.read_parquet(path, ["b"])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"x\.parquet is not a readable Parquet file"):
        files.read_parquet(path)
    path.unlink()
    with pytest.raises(UserError, match=r"x\.parquet does not exist"):
        files.read_parquet(path)
