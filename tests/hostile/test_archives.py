"""Archives that want to write elsewhere, or to unfold without end, as logs."""

import gzip
import io
import json
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from logassay.files import read_json
from tests.hostile.conftest import Run, refused

PLAIN = json.dumps({"plain": True})


def parse(run: Run, log: Path, folder: Path) -> list[str]:
    """Parse a log line by line; return its messages in their order, or the sentence in place of them."""
    outputs = [f"--{name}={folder / name}.parquet" for name in ("lines", "messages", "rejects")]
    files = {path for path in folder.rglob("*") if path.is_file()}
    done = run(
        "parse_log.py", "--input", log, "--format-name", "plain", "--format", PLAIN, *outputs,
        f"--report={folder / 'report.json'}", seconds=120,
    )  # fmt: skip
    if done.returncode:
        assert not (folder / "lines.parquet").exists()
        return [refused(done)]
    made = {path.name for path in folder.rglob("*") if path.is_file()} - {path.name for path in files}
    assert made == {"lines.parquet", "messages.parquet", "rejects.parquet", "report.json"}
    return pl.read_parquet(folder / "messages.parquet")["message"].to_list()


def tar(members: list[tarfile.TarInfo]) -> bytes:
    """Pack members; regular ones hold their own name as a line."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member in members:
            line = f"{member.name}\n".encode()
            member.size = len(line) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(line) if member.isreg() else None)
    return packed.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def test_a_tar_that_wants_to_be_elsewhere_is_read_and_not_unpacked(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret\n")
    members = [
        entry("../owned-1"),
        entry(f"{tmp_path}/owned-2"),
        entry("link", tarfile.SYMTYPE, str(secret)),
        entry("link/owned-3"),
        entry("hard", tarfile.LNKTYPE, str(secret)),
        entry("null", tarfile.CHRTYPE),
        entry("disk", tarfile.BLKTYPE),
        entry("pipe", tarfile.FIFOTYPE),
        entry("a.log"),
    ]
    (tmp_path / "a.tar").write_bytes(tar(members))
    # The lines of the regular members, in the order of their names; a link is not followed, a device not opened.
    assert parse(run, tmp_path / "a.tar", tmp_path) == sorted(member.name for member in members if member.isreg())


def test_a_zip_that_wants_to_be_elsewhere_is_read_and_not_unpacked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("a secret\n")
    names = ["../owned-1", f"{tmp_path}/owned-2", "a.log", "c:\\owned-3"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, f"{name}\n")
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, str(tmp_path / "secret.txt"))
    assert parse(run, tmp_path / "a.zip", tmp_path) == sorted(names)


def zip_bomb() -> bytes:
    """A member of 264 MiB in 260 KiB, all one line; the limit to a file as a whole is a matter of the unit tests."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.log", bytes(264 << 20))
    return packed.getvalue()


def sparse_tar() -> bytes:
    """A member of a few bytes that says it stands for 8 TiB."""
    header = bytearray(tar([entry("a.log")]))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[483:495] = b"\x80" + (8 << 40).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


def huge_member() -> bytes:
    """A member whose header says that it has 2^62 bytes."""
    header = bytearray(tar([entry("a.log")]))
    header[124:136] = b"\x80" + (1 << 62).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


def lying_zip() -> bytes:
    """A zip whose directory says that its member unfolds to 4 GiB less one."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.log", "a line\n" * 100)
    data = bytearray(packed.getvalue())
    place = data.rindex(b"PK\x01\x02") + 24
    data[place : place + 4] = struct.pack("<I", 0xFFFFFFFE)
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("a.zip", zip_bomb, "has a line of more than 256 MiB"),
        ("sparse.tar", sparse_tar, "as a sparse file, which cannot be read as a stream"),
        ("huge.tar", huge_member, "ends early: the .tar file is truncated"),
        # The directory is not believed: the member ends where it ends.
        ("lying.zip", lying_zip, "a line"),
    ],
)
def test_what_unfolds_without_end_is_refused(
    run: Run, tmp_path: Path, name: str, make: Callable[[], bytes], told: str
) -> None:
    (tmp_path / name).write_bytes(make())
    assert told in parse(run, tmp_path / name, tmp_path)[0]


def test_what_is_packed_again_and_again_is_unpacked_once(run: Run, tmp_path: Path) -> None:
    bomb = gzip.compress(gzip.compress(bytes(64 << 20), 1), 1)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bomb))
    parse(run, tmp_path / "a.gz", tmp_path)
    assert read_json(tmp_path / "report.json")["bytes"] == len(bomb)
