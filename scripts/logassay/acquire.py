"""Getting hold of raw logs: downloads with a checksum, and one byte stream over plain, .gz and .zst files.

Everything here is about bytes; what the lines mean is the business of `logassay.parse`.
"""

import hashlib
import http.client
import io
import re
import string
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from logassay.cli import progress
from logassay.errors import UserError
from logassay.files import atomic_path

BLOCK_BYTES = 1 << 20
"""Bytes moved at a time."""
TIMEOUT_SECONDS = 60.0
"""Longest silence of a server before a download is given up."""

CODECS = {".gz": ("gzip", b"\x1f\x8b"), ".zst": ("zstd", b"\x28\xb5\x2f\xfd")}
"""Suffix of a compressed file -> Arrow's name of the codec, and the first bytes of such a file."""


class _Source(io.RawIOBase):
    """The bytes of a log; whatever goes wrong while they are read becomes a `UserError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kind = ""
        self._stream: Any = None
        try:
            self._stream = file = path.open("rb")
            start = file.peek(4)
        except FileNotFoundError:
            raise UserError(f"{path} does not exist; check the path of the log.") from None
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}); check the path of the log.") from None
        kinds = [suffix for suffix, (_, magic) in CODECS.items() if start.startswith(magic)]
        if not kinds and start and path.suffix in CODECS:
            # Not plain text under a wrong name, but an archive whose first bytes are damaged.
            kinds = [path.suffix]
        if kinds:
            self._kind = kinds[0]
            # Arrow's reader, because it tells a truncated archive from a whole one for both codecs, checks the
            # checksums and reads archives that were concatenated.
            self._stream = pa.CompressedInputStream(file, CODECS[self._kind][0])

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return int(self._stream.readinto(buffer))
        except OSError as error:
            if not self._kind:
                what = f"cannot be read ({error.strerror}); check the disk or"
            elif "Truncated" in str(error):
                what = f"ends early: the {self._kind} file is truncated;"
            else:
                what = f"is a damaged {self._kind} file ({error});"
            raise UserError(f"{self._path} {what} fetch it again.") from None

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        super().close()


def open_log(path: Path) -> BinaryIO:
    """Open a log for reading, decompressing `.gz` and `.zst` on the way.

    The first bytes decide what the file is; a file that is merely named `.gz` or `.zst` counts as damaged.
    Memory stays constant, however large the file.

    Parameters
    ----------
    path : Path
        A plain, gzip or Zstandard file (also of several members or frames).

    Returns
    -------
    BinaryIO
        Buffered stream with `read`, `readline` and iteration over lines; a context manager.

    Raises
    ------
    UserError
        If the file is missing, unreadable or empty; and from any later read, if it is truncated or damaged.
    """
    stream = io.BufferedReader(_Source(path), buffer_size=BLOCK_BYTES)
    try:
        if not stream.peek(1):
            raise UserError(f"{path} is empty; give a log with at least one line.")
    except UserError:
        stream.close()
        raise
    return stream


def download(url: str, sha256: str, path: Path) -> None:
    """Copy what a URL holds to `path`; the name appears only once the checksum has been found right.

    Parameters
    ----------
    url : str
        `http`, `https` or `file` URL.
    sha256 : str
        Expected SHA-256 of the bytes, 64 hexadecimal digits.
    path : Path
        Where to put the bytes, as they come (nothing is unpacked).

    Raises
    ------
    UserError
        If the URL or the checksum is malformed, the server refuses or cannot be reached, the transfer ends
        early, or the checksum differs.
    """
    if not url.startswith(("http://", "https://", "file://")):
        raise UserError(f"The URL '{url}' is not supported; it must begin with http://, https:// or file://.")
    if not re.fullmatch(f"[{string.hexdigits}]{{64}}", sha256):
        raise UserError(f"The sha256 given for {url} is '{sha256}', not 64 hexadecimal digits; correct it.")
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, atomic_path(path) as temporary:
            expected = answer.headers.get("Content-Length")
            received = 0
            with temporary.open("wb") as output:
                for block in progress(iter(lambda: answer.read(BLOCK_BYTES), b""), "download (MiB)"):
                    digest.update(block)
                    output.write(block)
                    received += len(block)
            if expected is not None and received < int(expected):
                raise UserError(f"{url} ended after {received} of {expected} bytes; run the download again.")
            if digest.hexdigest() != sha256.lower():
                raise UserError(
                    f"{url} has the sha256 {digest.hexdigest()}, not {sha256.lower()} as given; "
                    "the file has changed or was damaged on the way: check the URL and the sha256."
                )
    except urllib.error.HTTPError as error:
        raise UserError(f"{url} was refused with {error.code} ({error.reason}); check the URL.") from None
    except urllib.error.URLError as error:
        raise UserError(f"{url} cannot be fetched ({error.reason}); check the URL and the network.") from None
    except http.client.InvalidURL as error:
        raise UserError(f"{url} is no valid URL ({error}); correct it.") from None
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = str(error) or type(error).__name__
        raise UserError(f"{url} broke off while it was fetched ({reason}); run the download again.") from None
