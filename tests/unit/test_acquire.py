"""Logs as byte streams: packed in any way, in many files, in chunks; and what is done about hostile archives."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import random
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from logassay import archive
from logassay.acquire import RawLog, in_time_order, open_chunk, open_log, plan_chunks
from logassay.errors import UserError
from logassay.line_format import LineFormat
from logassay.sources import log_files, own_files

ROOT = Path(__file__).resolve().parents[2]

# Longer than any buffer on the way, and hard enough to compress that archives can be cut in the middle.
TEXT = b"".join(b"line %d %s\n" % (i, hashlib.sha256(b"%d" % i).hexdigest().encode()) for i in range(20_000))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


PACKERS = [("log.gz", gzip.compress), ("log.zst", zstd), ("log.bz2", bz2.compress), ("log.xz", xz)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plain.log", TEXT),
        ("log.gz", gzip.compress(TEXT, 1)),
        ("log.zst", zstd(TEXT)),
        ("gzip-without-suffix.log", gzip.compress(TEXT, 1)),
        ("zstd-named.gz", zstd(TEXT)),
        ("members.gz", gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:])),
        ("frames.zst", zstd(TEXT[:1000]) + zstd(TEXT[1000:])),
        ("log.bz2", bz2.compress(TEXT)),
        ("streams.bz2", bz2.compress(TEXT[:1000]) + bz2.compress(TEXT[1000:])),
        ("log.xz", xz(TEXT)),
        ("streams.xz", xz(TEXT[:1000]) + bytes(8) + xz(TEXT[1000:]) + bytes(4)),
        ("mark.log", b"\xef\xbb\xbf" + TEXT),
        ("mark.gz", gzip.compress(b"\xef\xbb\xbf" + TEXT, 1)),
        ("utf-16.log", TEXT.decode().encode("utf-16")),
        ("utf-16-be.log", b"\xfe\xff" + TEXT.decode().encode("utf-16-be")),
        ("utf-32.log.gz", gzip.compress(TEXT.decode().encode("utf-32"), 1)),
    ],
)
def test_content_is_read_whatever_the_file_is(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with open_log(tmp_path / name) as stream:
        assert stream.read() == TEXT
    with open_log(tmp_path / name) as stream:
        assert stream.readline() == TEXT[: TEXT.index(b"\n") + 1]
        assert sum(1 for _ in stream) == 19_999


@pytest.mark.parametrize(("name", "compress"), PACKERS)
@pytest.mark.parametrize("kept", [0.0001, 0.5, -1, -5])
def test_truncated_archive(tmp_path: Path, name: str, compress: Callable[[bytes], bytes], kept: float) -> None:
    data = compress(TEXT)
    path = tmp_path / name
    path.write_bytes(data[: int(kept) if kept < 0 else int(kept * len(data))])
    with pytest.raises(UserError, match=rf"{name} ends early: the \.\w+ file is truncated; fetch it again"):
        open_log(path).read()


@pytest.mark.parametrize(("name", "compress"), PACKERS)
def test_damaged_archive(tmp_path: Path, name: str, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / name
    data = bytearray(compress(TEXT))
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"{name} is a damaged"):
        open_log(path).read()
    path.write_bytes(compress(TEXT) + b"something else")
    with pytest.raises(UserError, match=rf"{name} is a damaged .* follow 14 bytes that are no .*\(head -c [0-9]+ OLD"):
        open_log(path).read()
    path.write_bytes(b"plain text under the name of an archive\n")
    with pytest.raises(UserError, match=f"{name} is a damaged"):
        open_log(path).read()


@pytest.mark.parametrize(("name", "compress"), PACKERS)
@pytest.mark.parametrize("zeros", [1, 3, 512, 300_001])
def test_zeros_behind_a_packed_file_are_padding(
    tmp_path: Path, name: str, compress: Callable[[bytes], bytes], zeros: int
) -> None:
    path = tmp_path / name
    path.write_bytes(compress(TEXT) + bytes(zeros))
    assert open_log(path).read() == TEXT
    path.write_bytes(compress(TEXT[:1000]) + bytes(zeros) + compress(TEXT[1000:]) + bytes(zeros))
    assert open_log(path).read() == TEXT
    whole = len(path.read_bytes())
    path.write_bytes(path.read_bytes() + b"x" * 70_000)
    with pytest.raises(UserError, match=rf"follow 70000 bytes that are no \.\w+; cut them off \(head -c {whole} OLD"):
        open_log(path).read()


def test_frames_of_zstd_of_every_form(tmp_path: Path) -> None:
    table = b"\x5e\x2a\x4d\x18" + (200_000).to_bytes(4, "little") + bytes(200_000)

    def unsized(part: bytes) -> bytes:
        packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
        return packer.compress(part) + packer.flush()

    sized = zstandard.ZstdCompressor(write_content_size=True).compress
    random_bytes = random.Random(1).randbytes(300_000)
    parts = [TEXT, b"", b"a", bytes(10**6), random_bytes, TEXT[:300], bytes(3)]
    data = b"".join(sized(part) + table + unsized(part) + zstd(part) for part in parts)
    (tmp_path / "a.zst").write_bytes(data + table)
    assert open_log(tmp_path / "a.zst").read() == b"".join(3 * part for part in parts)


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.log", b""), ("a.gz", b""), ("b.gz", gzip.compress(b"")), ("c.zst", zstd(b"")), ("d.xz", lzma.compress(b""))],
    # gzip puts the time into its bytes, and the processes that share the tests must give them the same names.
    ids=["plain", "nothing", "gz", "zst", "xz"],
)
def test_empty_file(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=f"{name} is empty"):
        open_log(tmp_path / name)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.log does not exist"):
        open_log(tmp_path / "no.log")
    with pytest.raises(UserError, match=rf"{tmp_path} is a folder; write {tmp_path}/\* for the files in it\."):
        open_log(tmp_path)


# Archives.


def member(name: str, data: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


def tar(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as file:
        for info, data in members:
            file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in members:
            file.writestr(name, data)
    return buffer.getvalue()


def read(folder: Path, data: bytes, name: str = "a.bin", **options: object) -> bytes:
    path = folder / name
    path.write_bytes(data)
    return open_log(RawLog((path,), **options)).read()  # type: ignore[arg-type]


PLAIN_OR_PACKED = [bytes, *(pack for _, pack in PACKERS)]


@pytest.mark.parametrize("pack", PLAIN_OR_PACKED)
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_members_come_in_the_order_of_their_names(tmp_path: Path, pack: Callable[..., bytes], format: int) -> None:
    """Whatever their order in the archive; a missing newline is supplied between them, but not at the end."""
    text = TEXT[: TEXT.index(b"\n", 3 << 15) + 1]
    members = [member("b/2.log", b"three\nfour"), member("b/1.log", b"two"), member("empty"), member("a.log", text)]
    wanted = text + b"two\nthree\nfour"
    assert read(tmp_path, pack(tar(*members, format=format))) == wanted
    assert read(tmp_path, pack(tar(*reversed(members), format=format))) == wanted
    long = "folder/" * 40 + "x.log"
    if format != tarfile.USTAR_FORMAT:
        assert read(tmp_path, pack(tar(member(long, b"x\n"), *members, format=format))) == wanted + b"\nx\n"
        assert read(tmp_path, pack(tar(member(long, b"x\n"), *members, format=format)), member="x.log") == b"x\n"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_members_come_in_the_order_of_their_names(tmp_path: Path, method: int) -> None:
    data = zipped(("b.log", b"two"), ("folder/", b""), ("c.log", b"three"), ("a.log", TEXT), method=method)
    assert read(tmp_path, data) == TEXT + b"two\nthree"
    assert read(tmp_path, data, member="[bc].log") == b"two\nthree"


@pytest.mark.parametrize("archived", [lambda *m: tar(*(member(*each) for each in m)), zipped])
def test_a_member_is_chosen_by_its_name(tmp_path: Path, archived: Callable[..., bytes]) -> None:
    data = archived(("README", b"no log\n"), ("x/HDFS.log", b"other\n"), ("HDFS.log", b"log\n"), ("l/1.gz", b"1\n"))
    assert read(tmp_path, data, member="HDFS.log") == b"log\n"
    assert read(tmp_path, data, member="*.log") == b"log\nother\n"
    assert read(tmp_path, data, member="x/*") == b"other\n"
    assert read(tmp_path, data, member="RE*") == b"no log\n"
    with pytest.raises(UserError, match=r"a\.bin holds no member 'BGL\.log'; there are: HDFS\.log, README, l/1"):
        read(tmp_path, data, member="BGL.log")
    with pytest.raises(UserError, match=r"a\.bin: member 'l/1\.gz' is a damaged \.gz file"):
        read(tmp_path, data, member="1.gz")
    assert read(tmp_path, b"plain\n", member="BGL.log") == b"plain\n"  # it has no meaning there


@pytest.mark.parametrize("archived", [lambda *m: tar(*(member(*each) for each in m)), zipped])
def test_members_may_be_compressed_or_marked_but_no_archives(tmp_path: Path, archived: Callable[..., bytes]) -> None:
    members = [(f"{place}", pack(b"%d\n" % place)) for place, pack in enumerate(PLAIN_OR_PACKED)]
    members += [("8", b"\xef\xbb\xbfeight\n"), ("9", "neun\n".encode("utf-16"))]
    assert read(tmp_path, archived(*members)) == b"0\n1\n2\n3\n4\neight\nneun\n"
    for inner in (zipped(("a", b"a")), tar(member("a", b"a"))):
        with pytest.raises(UserError, match="member 'in' is an archive in turn; unpack the outer one"):
            read(tmp_path, archived(("in", inner)))


@pytest.mark.parametrize("pack", PLAIN_OR_PACKED)
def test_nothing_of_a_hostile_archive_reaches_the_disk(
    tmp_path: Path, pack: Callable[..., bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """Names only order the members; links, devices and folders are skipped and counted, and never followed."""
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    folder = tmp_path / "in"
    folder.mkdir()
    data = tar(
        member("../../outside.log", b"1\n"),
        member("/absolute.log", b"2\n"),
        member("folder", type=tarfile.DIRTYPE, mode=0o755),
        member("folder/../../x.log", b"3\n"),
        member("symlink", type=tarfile.SYMTYPE, linkname=str(secret)),
        member("hardlink", type=tarfile.LNKTYPE, linkname=str(secret)),
        member("symlink", b"4\n"),
        member("device", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        member("block", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
        member("pipe", type=tarfile.FIFOTYPE),
    )
    with caplog.at_level("INFO"):
        assert read(folder, pack(data), name="a.log") == b"1\n2\n3\n4\n"
    assert [path.name for path in folder.iterdir()] == ["a.log"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "secret"]
    assert "skipped 3 devices and others, 1 folders, 2 links" in caplog.text


def test_links_and_names_in_a_zip(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(link, "/etc/passwd")
        file.writestr("../up.log", "1\n")
        file.writestr("/absolute.log", "2\n")
    with caplog.at_level("INFO"):
        assert read(tmp_path, buffer.getvalue()) == b"1\n2\n"
    assert "skipped 1 links" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("pack", PLAIN_OR_PACKED)
def test_truncated_and_damaged_tar(tmp_path: Path, pack: Callable[..., bytes]) -> None:
    """At whatever place, also between two members, where nothing but the missing end tells."""
    data = tar(member("a.log", TEXT[:3000]), member("b.log", TEXT[3000:5000]))
    for kept in (600, 512 + 3072, 512 + 3072 + 512, 512 + 3072 + 512 + 2000, 512 + 3072 + 512 + 2048):
        with pytest.raises(UserError, match=r"a\.tar ends early: the \.tar file is truncated; fetch it again"):
            read(tmp_path, pack(data[:kept]), name="a.tar")
    wrong = bytearray(data)
    wrong[512 + 3072 + 100] ^= 1
    with pytest.raises(UserError, match=r"a\.tar is a damaged \.tar file \(bad checksum\); fetch it again"):
        read(tmp_path, pack(bytes(wrong)), name="a.tar")
    assert read(tmp_path, pack(data + tar(member("c.log", b"c\n")))) == TEXT[:3000] + b"\n" + TEXT[3000:5000] + b"\nc\n"


@pytest.mark.parametrize("archived", [lambda *m: tar(*(member(*each) for each in m)), zipped])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_not_read_twice(tmp_path: Path, archived: Callable[..., bytes]) -> None:
    data = archived(("a.log", b"1\n"), ("b.log", b"2\n"), ("a.log", b"1\n3\n"))
    for chosen in (None, "a.log", "*.log"):
        with pytest.raises(UserError, match=r"a\.bin holds 'a\.log' more than once; unpack it"):
            read(tmp_path, data, member=chosen)
    assert read(tmp_path, data, member="b.log") == b"2\n"


@pytest.mark.parametrize("archived", [lambda *m: tar(*(member(*each) for each in m)), zipped])
def test_what_macos_puts_beside_a_file_is_skipped(
    tmp_path: Path, archived: Callable[..., bytes], caplog: pytest.LogCaptureFixture
) -> None:
    data = archived(("._a.log", b"\0\5\x16\7"), ("a.log", b"1\n"), ("__MACOSX/._a.log", b"\0\5\x16\7"))
    with caplog.at_level("INFO"):
        assert read(tmp_path, data) == read(tmp_path, data, member="*.log") == b"1\n"
    assert "skipped 2 attributes of macOS" in caplog.text


@pytest.mark.parametrize("start", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\x00", b"\x04\x22\x4d\x18", b"\x1f\x9d\x90"])
def test_what_is_packed_in_another_way_is_no_text(tmp_path: Path, start: bytes) -> None:
    with pytest.raises(UserError, match=r"a\.bin is packed as \.\w+, which cannot be read here; unpack it"):
        read(tmp_path, start + TEXT)


def test_a_description_of_many_records_is_read_in_one_go(tmp_path: Path) -> None:
    """Copying what is left for each record would take half a minute."""
    records = b"5 a=\n" * 200_000 + b"12 path=new\n"
    data = tar(member("pax", records, type=tarfile.XHDTYPE), member("old", b"x\n"), format=tarfile.USTAR_FORMAT)
    start = time.process_time()
    assert read(tmp_path, data, member="new") == b"x\n"
    assert time.process_time() - start < 5


def test_truncated_and_damaged_zip(tmp_path: Path) -> None:
    data = zipped(("a.log", TEXT))
    for kept in (30, len(data) // 2, len(data) - 1):
        with pytest.raises(UserError, match=r"a\.zip is a truncated or damaged \.zip file .*; fetch it again"):
            read(tmp_path, data[:kept], name="a.zip")
    wrong = bytearray(data)
    wrong[len(data) // 2] ^= 1
    with pytest.raises(UserError, match=r"a\.zip is a damaged \.zip file"):
        read(tmp_path, bytes(wrong), name="a.zip")
    encrypted = bytearray(data)
    encrypted[6] |= 1
    encrypted[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UserError, match="encrypted"):
        read(tmp_path, bytes(encrypted))


def test_a_member_of_a_zip_without_a_name(tmp_path: Path) -> None:
    data = bytearray(zipped(("b", b"2\n"), ("a", b"1\n"), method=zipfile.ZIP_STORED))
    last = data.rindex(b"PK\x01\x02")
    data[last + 28] = 0  # the name has no length, and what follows it in the list is the extra field
    data[last + 30] = 1
    with pytest.raises(UserError, match=r"a\.bin is a(?: truncated or)? damaged \.zip file"):
        read(tmp_path, bytes(data))


def test_what_is_named_an_archive_must_be_one(tmp_path: Path) -> None:
    text = b"text\n" * 200
    for name, data in {"a.tar": text, "a.tgz": gzip.compress(text), "A.TAR.xz": xz(text), "a.tar.bz2": text}.items():
        with pytest.raises(UserError, match=rf"{name} is a damaged"):
            read(tmp_path, data, name=name)
    with pytest.raises(UserError, match=r"a\.zip is a truncated or damaged"):
        read(tmp_path, text, name="a.zip")
    assert read(tmp_path, gzip.compress(text), name="tar.log.gz") == text


def test_a_tar_in_any_order_with_too_many_members_or_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = gzip.compress(tar(member("b", b"b\n"), member("a", b"a\n")))
    assert read(tmp_path, data) == b"a\nb\n"

    class Full:
        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None: ...

        def tell(self) -> int:
            return 0

        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.tempfile, "TemporaryFile", Full)
    with pytest.raises(UserError, match=r"No space left on device\); set TMPDIR to a larger disk"):
        read(tmp_path, data)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    for many in (data, zipped(("a", b""), ("b", b""))):
        with pytest.raises(UserError, match="holds more than 1 members; unpack it"):
            read(tmp_path, many)


def test_archives_without_a_log(tmp_path: Path) -> None:
    for data in (tar(member("folder", type=tarfile.DIRTYPE)), zipped(("folder/", b"")), zipped()):
        with pytest.raises(UserError, match="is an archive without a regular file"):
            read(tmp_path, data)


def test_dishonest_headers(tmp_path: Path) -> None:
    """Sizes that are negative or no numbers, descriptions without end, and sparse files."""
    header = bytearray(tar(member("a.log", b"x")))[:512]
    cases = {
        "a negative size": (124, b"\xff" * 12, b"0"),
        "a header of 8589934591 bytes": (124, b"77777777777\0", b"x"),
        "is truncated": (124, b"77777777777\0", b"0"),
        "as a sparse file": (124, b"00000000001\0", b"S"),
    }
    for message, (place, size, kind) in cases.items():
        changed = bytearray(header)
        changed[place : place + 12] = size
        changed[156:157] = kind
        changed[148:156] = b" " * 8
        changed[148:156] = b"%06o\0 " % sum(changed)
        with pytest.raises(UserError, match=message):
            read(tmp_path, bytes(changed) + bytes(2048))
    for records in (b"9999999 path=x\n", b"12 size=-5\n", b"no record"):
        info, data = member("pax", records, type=tarfile.XHDTYPE)
        with pytest.raises(UserError, match="damaged"):
            read(tmp_path, tar((info, data), member("a.log", b"x"), format=tarfile.USTAR_FORMAT))


def test_decompression_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FREE_BYTES", 1 << 20)
    zeros = bytes(8 << 20)
    bombs = {
        "a.gz": gzip.compress(zeros),
        "a.bz2": bz2.compress(zeros),
        "a.xz": lzma.compress(zeros),
        "a.zst": zstd(zeros),
        "a.zip": zipped(("a", zeros), method=zipfile.ZIP_LZMA),
        "a.tar.xz": lzma.compress(tar(member("skipped", zeros), member("b.log", b"b\n"))),
        "b.tar": tar(member("a.xz", lzma.compress(zeros))),
    }
    for name, data in bombs.items():
        with pytest.raises(UserError, match=rf"{name} unfolds to more than 300 times its size, as decompression bombs"):
            read(tmp_path, data, name=name, max_expansion=300, member="*")
        assert len(read(tmp_path, data, name=name, max_expansion=1_000_000)) >= len(zeros)


def test_a_member_is_taken_out_under_the_name_given(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(("../labels.csv", b"BlockId,Label\n"), ("x.log", b"x")))
    archive.extract(tmp_path / "a.zip", "labels.csv", tmp_path / "out" / "labels.csv")
    assert (tmp_path / "out" / "labels.csv").read_bytes() == b"BlockId,Label\n"
    with pytest.raises(UserError, match="holds no member 'no'"):
        archive.extract(tmp_path / "a.zip", "no", tmp_path / "out" / "no.csv")
    with pytest.raises(UserError, match="is no archive, so there is no member 'a'"):
        archive.extract(tmp_path / "out" / "labels.csv", "a", tmp_path / "out" / "no.csv")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["labels.csv"]


# Many files.


def test_files_and_patterns(tmp_path: Path) -> None:
    for name in ("app.log.10", "app.log.9", "app.log", "b[1].log", "c.log"):
        (tmp_path / name).write_text(name)
    (tmp_path / "app.log.d").mkdir()

    def names(*patterns: str) -> list[str]:
        return [path.name for path in log_files([str(tmp_path / pattern) for pattern in patterns])]

    assert names("app*") == ["app.log", "app.log.9", "app.log.10"]
    assert names("c.log", "app.log.1*", "*.log") == ["c.log", "app.log.10", "app.log", "b[1].log"]
    assert names("b[1].log") == ["b[1].log"]
    assert [path.name for path in log_files(str(tmp_path / "c.log"))] == ["c.log"]
    assert names("d*", "c.log") == ["c.log"]


def test_a_pattern_that_no_file_system_takes_finds_nothing() -> None:
    assert log_files("x" * 300 + "*") == []


def test_the_file_of_ones_own_counts_before_a_download(tmp_path: Path) -> None:
    copy = tmp_path / "a.zip"
    source = {"url": "http://x", "local": str(copy)}
    assert own_files(source) == []
    copy.touch()
    assert own_files(source) == [str(copy)]
    assert own_files(source | {"file": "b.log"}) == ["b.log"]
    assert own_files(source | {"file": ["b.log", "c*"]}) == ["b.log", "c*"]


def test_files_one_after_the_other(tmp_path: Path) -> None:
    parts = {
        "a.log": b"1\n2",
        "b.gz": gzip.compress(b"3\n4"),
        "c.log": b"",
        "d.log": b"\xef\xbb\xbf5\r\n",
        "e.log": b"6",
    }
    paths = []
    for name, data in parts.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    assert open_log(paths).read() == b"1\n2\n3\n4\n5\r\n6"
    assert str(RawLog(tuple(paths))) == f"{paths[0]} (and 4 more)"
    with pytest.raises(UserError, match=r"no\.log does not exist"):
        open_log([*paths, tmp_path / "no.log"])
    with pytest.raises(UserError, match=r"c\.log \(and 1 more\) is empty"):
        open_log([paths[2], paths[2]])


SMALL = LineFormat.from_dict(
    "small",
    {"header": "^(?P<time>[0-9]{6}) (?P<content>.*)$", "timestamp": {"text": "{time}", "format": "%y%m%d"}},
)


def test_files_come_in_the_order_of_their_first_times(tmp_path: Path) -> None:
    texts = {
        "a.log": "no header\n050103 x\n",
        "b.log.gz": "050102 x\n",
        "c.log": "nothing\n",
        "d.log": "999999 bad time\n050101 x\n",
        "e.log": "",
        "f.log": "050102 x\n",
        "g.log": "no header\n" * 2000 + "050104 x\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    log = RawLog(tuple(sorted(tmp_path.iterdir())), "*", 77)
    ordered = in_time_order(log, SMALL)
    assert [path.name for path in ordered.files] == ["d.log", "b.log.gz", "f.log", "a.log", "g.log", "c.log", "e.log"]
    assert (ordered.member, ordered.max_expansion) == ("*", 77)


@given(
    files=st.lists(
        st.tuples(st.booleans(), st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"long" * 5, b"\xef\xbb\xbf"])))
    )
)
@settings(max_examples=60, deadline=None)
def test_chunks_are_the_log_cut_between_lines(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[bool, list[bytes]]]
) -> None:
    folder = tmp_path_factory.mktemp("chunks")
    paths = []
    for place, (packed, pieces) in enumerate(files):
        paths.append(folder / f"{place}.log")
        paths[-1].write_bytes(gzip.compress(b"".join(pieces)) if packed else b"".join(pieces))
    if not any(path.stat().st_size for path in paths):
        return
    whole = open_chunk(paths, 0, 1).read()
    for n in (1, 2, 3, 8, 40):
        chunks = [open_chunk(paths, i, n).read() for i in range(n)]
        assert b"".join(chunks) == whole
        full = [chunk for chunk in chunks if chunk]
        assert all(chunk.endswith(b"\n") for chunk in full[:-1])


@pytest.mark.parametrize("left", [0, 100])
def test_a_file_that_becomes_shorter_while_it_is_read_is_told(tmp_path: Path, left: int) -> None:
    path = tmp_path / "a.log"
    for chunk in (0, 1):
        path.write_bytes(b"line\n" * 1000)
        stream = open_chunk(path, chunk, 2)
        os.truncate(path, left)
        with pytest.raises(UserError, match=r"a\.log became shorter while it was read; give a copy"):
            stream.read()


def test_the_plan_of_chunks(tmp_path: Path) -> None:
    """A line belongs to the chunk in which its first byte lies; a packed file to that in which its own does."""
    plain, packed = tmp_path / "a.log", tmp_path / "b.gz"
    plain.write_bytes(b"0123456789\n" * 10)
    packed.write_bytes(gzip.compress(os.urandom(110 - 23), 0))
    assert packed.stat().st_size == 110
    plans = plan_chunks([plain, packed], 4)
    assert [[(span.path.name, span.start, span.end) for span in plan] for plan in plans] == [
        [("a.log", 0, 55)],
        [("a.log", 55, 110)],
        [("b.gz", 0, 110)],
        [],
    ]
    assert [len(open_chunk([plain], i, 4).read()) // 11 for i in range(4)] == [3, 2, 3, 2]


def test_the_known_datasets_can_be_checked() -> None:
    """All systems of Loghub are there by their names; what is downloaded has checksums, which are those of one file."""
    datasets = yaml.safe_load((ROOT / "config" / "datasets.yaml").read_text(encoding="utf-8"))["datasets"]
    systems = (
        "hdfs_v1 bgl thunderbird spirit liberty openstack hadoop spark zookeeper hpc linux mac windows android apache"
    )
    assert set(f"{systems} openssh proxifier healthapp".split()) <= set(datasets)
    sources = [entry["source"] for entry in datasets.values() if "url" in entry["source"]]
    archives = [source for source in sources if source["url"].startswith("https://zenodo.org/records/8196385/files/")]
    assert len(archives) == 16
    for source in archives:
        assert (len(source["sha256"]), len(source["md5"])) == (64, 32)
        assert source["member"]
    assert len({source["md5"] for source in sources}) == len(sources)
