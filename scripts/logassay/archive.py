"""What a file really holds, told by its first bytes: plain text, a compressed stream, or an archive of several logs.

Everything is read as a stream, in constant memory. Nothing is unpacked: the names in an archive are only looked at, so
absolute ones, and ones with `..`, can do no harm.
"""

import bz2
import codecs
import fnmatch
import io
import itertools
import lzma
import os
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from logassay import cli
from logassay.errors import UserError, harmless
from logassay.files import atomic_path

if TYPE_CHECKING:
    Reader = io.BufferedReader[Any]
else:
    Reader = io.BufferedReader

BLOCK_BYTES = 1 << 20
"""Bytes moved at a time."""
TAR_BLOCK = 512
"""Headers and contents of a tar archive are multiples of this."""
MAX_MEMBERS = 1_000_000
"""An archive with more of them is no log; their names must be kept in memory."""
MAX_TAR_HEADER = 1 << 20
"""A longer description of a member (its name, its attributes) is no honest one."""
RECORD = re.compile(rb"([0-9]{1,7}) ([^=]*)=")
"""The start of a record of an extended header: its length in bytes, and its key."""
MAX_XZ_MEMORY = 1 << 29
"""Memory that an .xz file may demand; `xz -9` makes do with an eighth of it."""
FREE_BYTES = 1 << 30
"""What a compressed file may always unfold to."""
MAX_EXPANSION = 1000
"""How many times its size a compressed file may unfold to beyond that. Logs come to 10 or 30, rarely to 300."""

STARTS = {
    ".gz": rb"\x1f\x8b",
    ".zst": rb"\x28\xb5\x2f\xfd",
    ".bz2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
    ".xz": rb"\xfd7zXZ\x00",
    ".zip": rb"PK(?:\x03\x04|\x05\x06)",
}
"""Kind of a file -> pattern of its first bytes."""
FOREIGN = {
    b"7z\xbc\xaf\x27\x1c": ".7z",
    b"Rar!\x1a\x07": ".rar",
    b"\x04\x22\x4d\x18": ".lz4",
    b"\x1f\x9d": ".Z",
}
"""First bytes of packed files that cannot be read here -> kind. As text they would be one line of nonsense."""
DECODERS: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY),
}
"""Kinds that the standard library reads, and what decodes one of the streams in such a file. Unlike its ready-made
files, this lets us tell what follows the last stream from nothing, and bound memory."""
MAGIC = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd", ".bz2": b"BZh", ".xz": b"\xfd7zXZ\0"}
"""How every stream in such a file begins."""
ZSTD_SKIPPED = b"\x2a\x4d\x18"
"""How, from its second byte on, a part of a .zst file begins that is no data, such as a table of contents."""
PACKED_BYTES = 1 << 16
"""Compressed bytes read at a time."""
SHORT = {".tgz": ".gz", ".tbz2": ".bz2", ".txz": ".xz", ".tzst": ".zst"}
"""Suffix of a compressed tar archive -> how it is compressed."""
SUFFIXES = SHORT | {kind: kind for kind in (*STARTS, ".tar")}
"""Suffix of a name -> kind that the file must then be."""
FORKS = "attributes of macOS"
"""What is skipped under this name is beside the files, and no log."""
WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Marks at the start of a text that is not UTF-8, longer ones first."""
DAMAGE = (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, ValueError, RuntimeError)
"""What readers of compressed data raise where it is damaged (RuntimeError: encrypted, or an unknown method)."""


class BlockStream(io.RawIOBase):
    """Blocks of bytes as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, as far as there are bytes."""
        wanted, filled = len(buffer), 0
        while filled < wanted:
            if not self._rest:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._rest = memoryview(block)
            taken = min(wanted - filled, len(self._rest))
            buffer[filled : filled + taken] = self._rest[:taken]
            self._rest = self._rest[taken:]
            filled += taken
        return filled

    def close(self) -> None:
        close = getattr(self._blocks, "close", None)
        if close is not None and not self.closed:
            close()
        super().close()


def stream_of(blocks: Iterator[bytes]) -> Reader:
    """Return blocks of bytes as a buffered stream."""
    return io.BufferedReader(BlockStream(blocks), buffer_size=BLOCK_BYTES)


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Open a file for reading; a `UserError` says what is wrong with its path."""
    with ExitStack() as stack:
        try:
            if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
                raise UserError(
                    f"{path} is a device or a pipe, which cannot be read twice; write what it gives to a file."
                )
            file = stack.enter_context(io.BufferedReader(io.FileIO(path), BLOCK_BYTES))
            file.peek(1)
        except FileNotFoundError:
            raise UserError(f"{path} does not exist; check the path of the log.") from None
        except IsADirectoryError:
            raise UserError(f"{path} is a folder; write {path}/* for the files in it.") from None
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}); check the path of the log.") from None
        yield file


def kind_of(start: bytes, name: str) -> str | None:
    """Tell from its first bytes how a file is packed: `.gz`, `.zst`, `.bz2`, `.xz`, `.zip`, `.tar`, or None.

    A file with such a suffix whose first bytes are others is damaged, not plain text under a wrong name.
    """
    if not start:
        return None
    for kind, pattern in STARTS.items():
        if re.match(pattern, start):
            return kind
    for mark, kind in FOREIGN.items():
        if start.startswith(mark):
            raise UserError(
                f"{harmless(name)} is packed as {kind}, which cannot be read here; unpack it, or pack it as .gz."
            )
    if _is_tar(start):
        return ".tar"
    return SUFFIXES.get(Path(name).suffix.lower())


def is_plain(path: Path) -> bool:
    """Tell whether a file is text that can be read from any line on: neither packed nor UTF-16."""
    with opened(path) as file:
        start = file.peek(TAR_BLOCK)[:TAR_BLOCK]
    return kind_of(start, str(path)) is None and not start.startswith(tuple(WIDE))


def content(path: Path, *, member: str | None = None, max_expansion: int = MAX_EXPANSION) -> Iterator[bytes]:
    """Yield the bytes of a log, whatever it is packed in.

    Parameters
    ----------
    path : Path
        Plain text; a `.gz`, `.zst`, `.bz2` or `.xz` file, also of several members, frames or streams; a tar archive,
        plain or compressed like that; or a zip archive. Members of archives may be compressed, too; they come in the
        order of their names, each but the last ended by a newline. UTF-16 and UTF-32 with a byte order mark become
        UTF-8; the mark itself is left out, that of UTF-8 also.
    member : str, optional
        Name of a member of an archive, or a pattern with `*`, `?` and `[]`, where `*` also stands for `/`. Without a
        `/` in it, it also fits the last part of a name. It has no meaning for a file that is no archive.
    max_expansion : int
        How many times its size the file may unfold to; up to 1 GiB is always allowed.

    Raises
    ------
    UserError
        If the file is missing, unreadable, truncated, damaged or a decompression bomb, or no member fits.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        bounded = _Limit(path, size, max_expansion)
        kind = kind_of(file.peek(TAR_BLOCK)[:TAR_BLOCK], str(path))
        if kind == ".zip":
            yield from bounded(_zip_members(file, member, str(path)))
        elif kind == ".tar":

            def again() -> Reader:
                file.seek(0)
                return file

            yield from bounded(_tar_members(again, member, str(path)))
        elif kind is None:
            yield from _text(file, str(path))
        else:

            def unpacked() -> Reader:
                return stream_of(bounded(_unpacked(path, kind)))

            stream = unpacked()
            start = stream.peek(TAR_BLOCK)[:TAR_BLOCK]
            suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
            named = suffixes[:1] == [".tar"] or suffixes[-1:] in ([short] for short in SHORT)
            if _is_tar(start) or (start and named):
                yield from bounded(_tar_members(unpacked, member, str(path)))
            else:
                yield from _text(stream, str(path))


class _Limit:
    """Passes blocks on until they are more than a file of some size may unfold to."""

    def __init__(self, path: Path, size: int, max_expansion: int) -> None:
        self._path = path
        self._times = max_expansion
        self._most = max(FREE_BYTES, size * max_expansion)

    def __call__(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        total = 0
        for block in blocks:
            total += len(block)
            if total > self._most:
                raise UserError(
                    f"{self._path} unfolds to more than {self._times} times its size, as decompression bombs do; if it "
                    "is an honest log, raise source.max_expansion of the dataset."
                )
            yield block


def _unpacked(path: Path, kind: str) -> Iterator[bytes]:
    with opened(path) as file:
        yield from _decompressed(file, kind, str(path))


def _text(stream: BinaryIO, where: str) -> Iterator[bytes]:
    """Yield a text as UTF-8 without a byte order mark."""
    start = stream.peek(4)[:4]  # type: ignore[attr-defined]  # only of buffered streams
    wide = next((name for mark, name in WIDE.items() if start.startswith(mark)), None)
    if wide is not None:
        decoder = codecs.getincrementaldecoder(wide)(errors="replace")
        for block in _blocks(stream, where):
            yield decoder.decode(block).encode(errors="replace")
        yield decoder.decode(b"", final=True).encode(errors="replace")
        return
    if start.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    yield from _blocks(stream, where)


def _blocks(stream: BinaryIO, where: str) -> Iterator[bytes]:
    try:
        while block := stream.read(BLOCK_BYTES):
            yield block
    except OSError as error:
        raise UserError(f"{where} cannot be read ({error.strerror}); check the disk or fetch it again.") from None


def _damaged(where: str, kind: str, error: object) -> UserError:
    reason = harmless(" ".join(str(error).split()), 100) or type(error).__name__
    return UserError(f"{where} is a damaged {kind} file ({reason}); fetch it again.")


def _truncated(where: str, kind: str) -> UserError:
    return UserError(f"{where} ends early: the {kind} file is truncated; fetch it again.")


def _decompressed(stream: BinaryIO, kind: str, where: str) -> Iterator[bytes]:
    """Yield the bytes that a compressed stream stands for."""
    packed = _Packed(stream, kind)
    try:
        if kind == ".zst":
            # Arrow tells a truncated file from a whole one, checks checksums, and reads concatenated frames.
            with pa.CompressedInputStream(stream_of(_zstd_frames(packed)), "zstd") as inside:
                while block := inside.read(BLOCK_BYTES):
                    yield block
        else:
            yield from _decoded(packed, kind)
    except EOFError:
        raise _truncated(where, kind) from None
    except DAMAGE as error:
        if "Truncated" in str(error):
            raise _truncated(where, kind) from None
        raise _damaged(where, kind, error) from None
    if packed.garbage:
        raise UserError(
            f"{where} is a damaged {kind} file: after its end follow {packed.garbage} bytes that are no {kind}; cut "
            f"them off (head -c {packed.place} OLD > NEW) if nothing is lost with them, or fetch it again."
        )


class _Packed:
    """The bytes of a compressed file that are not used up: those that a decoder gave back, then the others."""

    def __init__(self, stream: BinaryIO, kind: str) -> None:
        self._stream = stream
        self._magic = MAGIC[kind]
        self._data = b""
        self.place = 0
        self.garbage = 0
        """How many bytes follow the last stream, from `place` on, that are neither another one nor zeros."""

    def peek(self, size: int) -> bytes:
        """Return the next bytes, which stay; fewer only at the end."""
        while len(self._data) < size and (more := self._stream.read(PACKED_BYTES)):
            self._data += more
        return self._data[:size]

    def take(self, size: int = PACKED_BYTES) -> bytes:
        """Return the next bytes; fewer only at the end."""
        data = self.peek(size)
        self._data = self._data[len(data) :]
        self.place += len(data)
        return data

    def give_back(self, data: bytes) -> None:
        """Put back what was taken last."""
        self._data = data + self._data
        self.place -= len(data)

    def streams(self) -> Iterator[None]:
        """Stop at each stream; end where there is none. Zeros after a stream are left out: tapes add them."""
        first = True
        while self.peek(1):
            start = self.peek(len(self._magic))
            # Of the first stream its decoder says what it is not; and one that is cut here is no garbage.
            if not (first or self._magic.startswith(start) or start[1:] == ZSTD_SKIPPED):
                end = self.place
                while self.take():
                    pass
                self.place, self.garbage = end, self.place - end
                return
            first = False
            yield
            while self.peek(1) == b"\0":
                self.give_back(self.take().lstrip(b"\0"))


def _decoded(packed: _Packed, kind: str) -> Iterator[bytes]:
    """Yield what the streams of a .gz, .bz2 or .xz file stand for; EOFError if the last is cut."""
    for _ in packed.streams():
        decoder, data = DECODERS[kind](), b""
        while not decoder.eof:
            ended = False
            if not data and getattr(decoder, "needs_input", True):
                data = packed.take()
                ended = not data
            block = decoder.decompress(data, BLOCK_BYTES)
            if block:
                yield block
            elif ended and not decoder.eof:
                raise EOFError
            data = getattr(decoder, "unconsumed_tail", b"")
        packed.give_back(decoder.unused_data)


def _zstd_frames(packed: _Packed) -> Iterator[bytes]:
    """Yield the bytes of the frames of a .zst file without what follows them; that they are right is not checked."""
    for _ in packed.streams():
        start = packed.peek(8)
        if start[1:4] == ZSTD_SKIPPED:
            left = 8 + int.from_bytes(start[4:], "little")
            while left and (data := packed.take(min(left, PACKED_BYTES))):
                left -= len(data)
                yield data
            continue
        if len(start) < 5:
            yield packed.take()
            continue
        # Magic number, descriptor, size of the window, number of a dictionary, size of the content.
        single, checked = start[4] >> 5 & 1, start[4] >> 2 & 1
        yield packed.take(6 - single + (0, 1, 2, 4)[start[4] & 3] + (single, 2, 4, 8)[start[4] >> 6])
        last = False
        while not last and len(header := packed.peek(3)) == 3:
            number = int.from_bytes(header, "little")
            last, repeated = bool(number & 1), number >> 1 & 3 == 1
            yield packed.take(3 + (1 if repeated else number >> 3))
        if checked:
            yield packed.take(4)


@dataclass(frozen=True)
class _Member:
    """A regular file in a tar archive; its place there, if the archive can be read at any place."""

    name: str
    size: int
    offset: int | None


def _is_tar(start: bytes) -> bool:
    """Tell whether bytes begin with the header of a tar archive, by its checksum."""
    if len(start) < TAR_BLOCK:
        return False
    try:
        tarfile.TarInfo.frombuf(start[:TAR_BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class _Tar:
    """The members of a tar archive, one after the other; `data` gives the bytes of the present one.

    Unlike the standard library's reader this one demands the mark at the end, takes no damaged header for it, goes on
    behind it if archives were concatenated, and does not read descriptions of any length.
    """

    def __init__(self, stream: Reader, where: str) -> None:
        self._stream = stream
        self._where = where
        self._left = 0
        self._padding = 0
        self.skipped: Counter[str] = Counter()

    def __iter__(self) -> Iterator[_Member]:
        names: dict[str, str] = {}  # what extra headers say about the next member
        common: dict[str, str] = {}  # and about all that follow
        ended = False
        while True:
            block = self._stream.read(TAR_BLOCK)
            if not block.strip(b"\0"):
                if len(block) < TAR_BLOCK:
                    if not ended or names:
                        raise _truncated(self._where, ".tar")
                    return
                ended = True
                continue
            ended = False
            if len(block) < TAR_BLOCK:
                raise _truncated(self._where, ".tar")
            try:
                header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except tarfile.HeaderError as error:
                raise _damaged(self._where, ".tar", error) from None
            if header.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                text = self._description(header)
                if header.type == tarfile.GNUTYPE_LONGNAME:
                    names["path"] = text.split(b"\0")[0].decode(errors="surrogateescape")
                continue
            if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE):
                (common if header.type == tarfile.XGLTYPE else names).update(self._records(header))
                continue
            said, names = common | names, {}
            name = said.get("path", header.name).removeprefix("./")
            size = header.size
            if "size" in said:
                if not re.fullmatch("[0-9]{1,18}", said["size"]):
                    raise _damaged(self._where, ".tar", "a size that is no number")
                size = int(said["size"])
            if size < 0:
                raise _damaged(self._where, ".tar", "a negative size")
            if header.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in said):
                raise UserError(
                    f"{self._where} holds '{harmless(name, 100)}' as a sparse file, which cannot be read as a stream; "
                    "unpack it and name the files in its place."
                )
            regular = header.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
            if regular and name.endswith("/"):
                regular = False  # so are directories written in the oldest archives
            # Links, devices and the like have no content, whatever their size says.
            holds = header.type not in (*tarfile.SUPPORTED_TYPES,) or regular
            self._left = size if holds else 0
            self._padding = -self._left % TAR_BLOCK
            if regular and _is_fork(name):
                self.skipped[FORKS] += 1
            elif regular:
                yield _Member(name, size, self._stream.tell() if self._stream.seekable() else None)
            else:
                self.skipped[_sort(header)] += 1
            self._skip()

    def data(self) -> Iterator[bytes]:
        """Yield the bytes of the member at which the iteration is."""
        while self._left:
            block = self._stream.read(min(self._left, BLOCK_BYTES))
            if not block:
                raise _truncated(self._where, ".tar")
            self._left -= len(block)
            yield block

    def _skip(self) -> None:
        if self._stream.seekable():
            try:
                self._stream.seek(self._left, io.SEEK_CUR)
            except (OSError, OverflowError):  # beyond what any file may hold
                raise _truncated(self._where, ".tar") from None
            self._left = 0
        for _ in self.data():
            pass
        if len(self._stream.read(self._padding)) < self._padding:
            raise _truncated(self._where, ".tar")

    def _description(self, header: tarfile.TarInfo) -> bytes:
        if not 0 <= header.size <= MAX_TAR_HEADER:
            raise _damaged(self._where, ".tar", f"a header of {header.size} bytes")
        length = header.size + -header.size % TAR_BLOCK
        text = self._stream.read(length)
        if len(text) < length:
            raise _truncated(self._where, ".tar")
        return text[: header.size]

    def _records(self, header: tarfile.TarInfo) -> dict[str, str]:
        """Read the records `length key=value` of an extended header; only those on name, size and form are kept."""
        text = self._description(header)
        end = len(text.rstrip(b"\0"))
        records, start = {}, 0
        while start < end:
            match = RECORD.match(text, start)
            length = int(match[1]) if match else 0
            stop = start + length
            if match is None or match.end() >= stop or stop > len(text) or text[stop - 1 : stop] != b"\n":
                raise _damaged(self._where, ".tar", "an extended header that is none")
            key = match[2].decode(errors="surrogateescape")
            if key in ("path", "size") or key.startswith("GNU.sparse"):
                records[key] = text[match.end() : stop - 1].decode(errors="surrogateescape")
            start = stop
        return records


def _is_fork(name: str) -> bool:
    """Tell whether macOS put a file beside another one to keep its attributes: `._a.log` for `a.log`."""
    return name.rpartition("/")[2].startswith("._")


def _sort(header: tarfile.TarInfo) -> str:
    if header.issym() or header.islnk():
        return "links"
    return "folders" if header.isdir() or header.name.endswith("/") else "devices and others"


def _note_skipped(skipped: Counter[str], where: str) -> None:
    if skipped:
        cli.log.info("%s: skipped %s", where, ", ".join(f"{number} {sort}" for sort, number in sorted(skipped.items())))


def _fits(name: str, member: str) -> bool:
    last = name.rpartition("/")[2]
    return fnmatch.fnmatchcase(name, member) or ("/" not in member and fnmatch.fnmatchcase(last, member))


def _nothing_fits(where: str, member: str | None, names: list[str]) -> UserError:
    if member is None:
        return UserError(f"{where} is an archive without a regular file; give one that holds a log.")
    known = ", ".join(harmless(name, 100) for name in sorted(names)[:5]) + (", ..." if len(names) > 5 else "")
    return UserError(f"{where} holds no member '{harmless(member, 100)}'; there are: {known or 'none'}.")


def _twice(where: str, name: str) -> UserError:
    # Versions of one file, most of whose lines are the same (tar -r and -u add them), or different files?
    return UserError(
        f"{where} holds '{harmless(name, 100)}' more than once; unpack it and give the files that are meant."
    )


def _too_many(where: str) -> UserError:
    return UserError(f"{where} holds more than {MAX_MEMBERS:,} members; unpack it and give the logs among them.")


def _member_text(stream: Reader, name: str, where: str) -> Iterator[bytes]:
    """Yield the text of a member, which may be compressed but no archive in turn."""
    where = f"{where}: member '{harmless(name, 100)}'"
    kind = kind_of(stream.peek(TAR_BLOCK)[:TAR_BLOCK], name)
    if kind in (".tar", ".zip"):
        raise UserError(f"{where} is an archive in turn; unpack the outer one and name its members instead.")
    yield from _text(stream if kind is None else stream_of(_decompressed(stream, kind, where)), where)


def _joined(texts: Iterator[Iterator[bytes]]) -> Iterator[bytes]:
    """Yield texts one after the other; a missing newline is supplied where another one follows."""
    ended = True
    for text in texts:
        fresh = True
        for block in text:
            if block:
                if fresh and not ended:
                    yield b"\n"
                yield block
                fresh, ended = False, block.endswith(b"\n")


def _chosen(names: list[str], member: str | None, where: str) -> list[int]:
    """Return the places of the members that are wanted, in the order of their names."""
    if member is None:
        places = list(range(len(names)))
    else:
        places = [place for place, name in enumerate(names) if name == member]
        places = places or [place for place, name in enumerate(names) if _fits(name, member)]
    if not places:
        raise _nothing_fits(where, member, names)
    places.sort(key=lambda place: names[place])
    for one, other in itertools.pairwise(places):
        if names[one] == names[other]:
            raise _twice(where, names[one])
    return places


def _tar_members(unpacked: Callable[[], Reader], member: str | None, where: str) -> Iterator[bytes]:
    """Yield the members of a tar archive; `unpacked` opens it at its start."""
    tar = _Tar(unpacked(), where)
    members: list[_Member] = []
    found = 0

    def exact() -> Iterator[Iterator[bytes]]:
        nonlocal found
        for each in tar:
            members.append(each)
            if len(members) > MAX_MEMBERS:
                raise _too_many(where)
            if each.name == member:
                found += 1
                if found > 1:
                    raise _twice(where, each.name)
                yield _member_text(stream_of(tar.data()), each.name, where)

    yield from _joined(exact())
    _note_skipped(tar.skipped, where)
    if found:
        return  # one pass was enough
    places = _chosen([each.name for each in members], member, where)
    if places == sorted(places):
        again = _Tar(unpacked(), where)
        wanted = set(places)
        numbered = enumerate(again)
        yield from _joined(
            _member_text(stream_of(again.data()), each.name, where) for place, each in numbered if place in wanted
        )
        return
    # Members in another order than that of their names.
    with ExitStack() as stack:
        file: Any = unpacked()
        offsets = {place: members[place].offset for place in places}
        if None in offsets.values():
            # Through a nameless temporary file, for a compressed archive can only be read from its start.
            again, file = _Tar(file, where), stack.enter_context(tempfile.TemporaryFile())
            for place, _ in enumerate(again):
                if place in offsets:
                    offsets[place] = file.tell()
                    _spool(again.data(), file, where)
        yield from _joined(
            _member_text(stream_of(_slice(file, offsets[place] or 0, members[place].size)), members[place].name, where)
            for place in places
        )


def _spool(blocks: Iterator[bytes], spool: Any, where: str) -> None:
    for block in blocks:
        try:
            spool.write(block)
        except OSError as error:
            raise UserError(
                f"{where} holds its members in another order than that of their names, and there is no room for a "
                f"temporary copy ({error.strerror}); set TMPDIR to a larger disk, or name a single member."
            ) from None


def _slice(file: BinaryIO, offset: int, size: int) -> Iterator[bytes]:
    """Yield a part of a file."""
    while size:
        file.seek(offset)
        block = file.read(min(size, BLOCK_BYTES))
        offset += len(block)
        size -= len(block)
        yield block


def _zip_members(file: BinaryIO, member: str | None, where: str) -> Iterator[bytes]:
    """Yield the members of a zip archive."""
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGE as error:
        raise UserError(f"{where} is a truncated or damaged .zip file ({error}); fetch it again.") from None
    skipped: Counter[str] = Counter()
    entries = []
    for entry in archive.infolist():
        if stat.S_ISLNK(entry.external_attr >> 16):
            skipped["links"] += 1
        elif entry.filename.endswith("/"):  # the library's own test fails for an empty name
            skipped["folders"] += 1
        elif _is_fork(entry.filename):
            skipped[FORKS] += 1
        else:
            entries.append(entry)
    _note_skipped(skipped, where)
    if len(entries) > MAX_MEMBERS:
        raise _too_many(where)
    names = [entry.filename.removeprefix("./") for entry in entries]
    yield from _joined(
        _member_text(stream_of(_unzipped(archive, entries[place], where)), names[place], where)
        for place in _chosen(names, member, where)
    )


def _unzipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, where: str) -> Iterator[bytes]:
    """Yield the bytes of a member of a zip archive."""
    if entry.flag_bits & 1:
        raise UserError(f"{where} is encrypted; decrypt it first.")
    try:
        with archive.open(entry) as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block
    except NotImplementedError:
        raise UserError(f"{where} is packed by a method that cannot be read here; unpack it.") from None
    except DAMAGE as error:
        raise _damaged(where, ".zip", error) from None


def extract(path: Path, member: str, output: Path, *, max_expansion: int = MAX_EXPANSION) -> None:
    """Write what `content` gives for a member of an archive to a file whose name does not come from the archive.

    Raises
    ------
    UserError
        Like `content`; also if the file is no archive.
    """
    with atomic_path(output) as temporary, temporary.open("wb") as file:
        if is_plain(path):
            raise UserError(f"{path} is no archive, so there is no member '{member}' in it; give the file by its path.")
        for block in content(path, member=member, max_expansion=max_expansion):
            file.write(block)
