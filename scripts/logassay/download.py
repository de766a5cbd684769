"""Downloads that are checked, and go on where they were cut.

What has come so far is kept beside the target under a name of its own; the target appears once its checksum is right.
"""

import fcntl
import hashlib
import http.client
import os
import re
import shutil
import string
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from logassay import __version__
from logassay.cli import log, progress
from logassay.errors import UserError
from logassay.files import read_json, write_json

BLOCK_BYTES = 1 << 20
"""Bytes moved at a time."""
TIMEOUT_SECONDS = 60.0
"""Longest silence of a server before an attempt is given up."""
ATTEMPTS = 5
"""Attempts in a row that may bring nothing new."""
PAUSE_SECONDS = 2.0
"""Pause before the second attempt; it doubles from one to the next."""
DIGITS = {"sha256": 64, "md5": 32}
"""Hexadecimal digits of each kind of checksum."""
BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Answers of a server after which it is worth asking again."""


class _CutError(Exception):
    """A connection broke off, or could not be made; the next attempt may succeed."""


@dataclass
class _Partial:
    """What has come so far of a download, and what the server called the version it is of."""

    path: Path
    about: Path
    url: str
    facts: dict[str, Any] = field(default_factory=dict)
    mixed: bool = False
    """Whether it came in several attempts, which may be of two versions that the server does not tell apart."""

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def recall(self) -> None:
        """Take up what an earlier run left, if it is of the same URL."""
        try:
            facts = read_json(self.about)
        except UserError:
            facts = {}
        if facts.get("url") == self.url:
            self.facts = facts
            self.mixed = True
        else:
            self.remove()

    def begin(self, headers: Any) -> None:
        """Start anew with a version of the file."""
        self.path.write_bytes(b"")
        length = headers.get("Content-Length", "")
        self.facts = {
            "url": self.url,
            "total": int(length) if length.isdecimal() else None,
            "version": _version(headers),
        }
        self.mixed = False
        write_json(self.about, self.facts)

    def remove(self) -> None:
        """Forget what has come."""
        self.facts = {}
        self.path.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)


def _version(headers: Any) -> str | None:
    """Return by what the server would recognise the same version: a strong tag, or else the time of the last change."""
    tag = headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return str(tag)
    changed = headers.get("Last-Modified")
    return None if changed is None else str(changed)


def download(
    url: str, path: Path, *, sha256: str | None = None, md5: str | None = None, pause: float = PAUSE_SECONDS
) -> None:
    """Copy what a URL holds to `path`; the name appears only once the checksums have been found right.

    A transfer that is cut goes on where it was, in the same run or in a later one, if the server can do that and
    still has the same version of the file (`Range` with `If-Range`); otherwise it starts anew. Until then the bytes
    are in `.NAME.partial` beside the target.

    Parameters
    ----------
    url : str
        `http`, `https` or `file` URL.
    path : Path
        Where to put the bytes, as they come (nothing is unpacked).
    sha256, md5 : str, optional
        Expected checksums of the bytes in hexadecimal digits, at least one.
    pause : float
        Seconds before the second attempt; they double from one to the next.

    Raises
    ------
    UserError
        If the URL or a checksum is malformed, the server refuses or cannot be reached, the transfer is cut again
        and again, the disk is full, or a checksum differs.
    """
    if not url.startswith(("http://", "https://", "file://")):
        raise UserError(f"The URL '{url}' is not supported; it must begin with http://, https:// or file://.")
    wanted = {name: text for name, text in (("sha256", sha256), ("md5", md5)) if text is not None}
    if not wanted:
        raise UserError(f"There is no checksum for {url}; give its sha256 or md5.")
    for name, text in wanted.items():
        if not re.fullmatch(f"[{string.hexdigits}]{{{DIGITS[name]}}}", text):
            raise UserError(
                f"The {name} given for {url} is '{text}', not {DIGITS[name]} hexadecimal digits; correct it."
            )
    with _alone(path):
        _checked(url, path, wanted, pause)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from fetching the same file; two would mix their bytes."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("ab")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); give a folder that can.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = os.fstat(file.fileno()).st_nlink == 0  # removed by one that has just finished
        except BlockingIOError:
            taken = True
        except OSError:  # a file system without locks
            taken = False
        if taken:
            raise UserError(f"{path} is being downloaded by another process; wait until that is done, or stop it.")
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _checked(url: str, path: Path, wanted: dict[str, str], pause: float) -> None:
    """Fetch a file and move it to its place if its checksums are right."""
    partial = _Partial(path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.partial.json"), url)
    partial.recall()
    _fetch(partial, pause)
    wrong = _wrong(partial.path, wanted)
    if wrong and partial.mixed:
        log.warning("%s was put together from several attempts and is not right; it is fetched anew", url)
        partial.remove()
        _fetch(partial, pause)
        wrong = _wrong(partial.path, wanted)
    if wrong:
        partial.remove()
        name, found = wrong
        raise UserError(
            f"{url} has the {name} {found}, not {wanted[name].lower()} as given; "
            f"the file has changed or was damaged on the way: check the URL and the {name}."
        )
    os.replace(partial.path, path)
    partial.remove()


def _wrong(path: Path, wanted: dict[str, str]) -> tuple[str, str] | None:
    """Return the first checksum that differs: its name and what it is."""
    for name, text in wanted.items():
        digest = hashlib.new(name, usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
        found = digest.hexdigest()
        if found != text.lower():
            return name, found
    return None


def _fetch(partial: _Partial, pause: float) -> None:
    """Fetch all bytes, in as many attempts as bring something new, and a few that do not."""
    best, fruitless = partial.size, 0
    while True:
        try:
            if _attempt(partial):
                return
        except _CutError as error:
            fruitless = 0 if partial.size > best else fruitless + 1
            best = max(best, partial.size)
            if fruitless >= ATTEMPTS:
                raise UserError(str(error)) from None
            wait = pause * 2 ** max(fruitless - 1, 0)
            log.info("%s next attempt in %g s, at %d bytes", error, wait, partial.size)
            time.sleep(wait)


def _attempt(partial: _Partial) -> bool:
    """Ask for what is missing and append it; return whether all bytes are there now."""
    url, start, total = partial.url, partial.size, partial.facts.get("total")
    if start and start == total:
        return True
    request = urllib.request.Request(url, headers={"User-Agent": f"logassay/{__version__}"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if partial.facts.get("version"):
            request.add_header("If-Range", partial.facts["version"])
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            if not start or answer.status != 206:
                partial.begin(answer.headers)
            elif _goes_on(answer.headers, start, total):
                partial.mixed = True
            else:  # another part than was asked for, or of a file of another size
                partial.remove()
                return False
            _append(partial, answer)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:
            partial.remove()  # nothing is left behind what is here, so this is not of the same file
            return False
        said = f"{url} was refused with {error.code} ({error.reason});"
        if error.code in BUSY:
            raise _CutError(f"{said} try again later.") from None
        raise UserError(f"{said} check the URL.") from None
    except http.client.InvalidURL as error:
        raise UserError(f"{url} is no valid URL ({error}); correct it.") from None
    except urllib.error.URLError as error:
        said = f"{url} cannot be fetched ({error.reason}); check the URL and the network."
        if isinstance(error.reason, FileNotFoundError | str) or url.startswith("file://"):
            raise UserError(said) from None
        raise _CutError(said) from None
    except (http.client.HTTPException, OSError) as error:
        reason = str(error) or type(error).__name__
        raise _CutError(f"{url} broke off while it was fetched ({reason}); run the download again.") from None
    total = partial.facts["total"]
    if total is not None and partial.size < total:
        raise _CutError(f"{url} ended after {partial.size} of {total} bytes; run the download again.")
    return True


def _goes_on(headers: Any, start: int, total: int | None) -> bool:
    """Tell whether a partial answer begins where the last one ended, in a file of the same size."""
    said = re.fullmatch(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)", headers.get("Content-Range", "").strip())
    return said is not None and int(said[1]) == start and (total is None or said[2] in ("*", str(total)))


def _append(partial: _Partial, answer: Any) -> None:
    total = partial.facts["total"]
    left = None if total is None else total - partial.size
    if left is not None and left > shutil.disk_usage(partial.path.parent).free:
        raise UserError(
            f"{partial.url} has {left / 1e9:.1f} GB to come, more than {partial.path.parent} has room for; "
            "make room there."
        )
    with partial.path.open("ab") as output:
        for block in progress(_read(answer), "download (MiB)", None if left is None else -(-left // BLOCK_BYTES)):
            try:
                output.write(block)
            except OSError as error:
                raise UserError(f"{partial.path} cannot be written ({error.strerror}); make room there.") from None


def _read(answer: Any) -> Iterator[bytes]:
    while block := answer.read(BLOCK_BYTES):
        yield block
