"""Downloads: checked, and going on where they were cut; against a server that misbehaves as it is told to."""

import fcntl
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from logassay import download as module
from logassay.download import download
from logassay.errors import UserError

TEXT = b"".join(b"line %d %s\n" % (i, hashlib.sha256(b"%d" % i).hexdigest().encode()) for i in range(40_000))
OTHER = TEXT[::-1]
SHA256 = hashlib.sha256(TEXT).hexdigest()
MD5 = hashlib.md5(TEXT).hexdigest()
HALF = len(TEXT) // 2


@dataclass
class Site:
    """What the server does: for each request in turn the bytes after which it cuts the connection (None: never)."""

    cuts: list[int | None] = field(default_factory=list)
    versions: list[bytes] = field(default_factory=lambda: [TEXT])  # what the file holds at each request; the last stays
    ranges: bool = True
    tag: bool = True
    chunked: bool = False
    silent: float = 0  # so many seconds before a connection is cut
    busy: int = 0  # so many requests are answered with 503 first
    asked: list[str | None] = field(default_factory=list)  # the ranges that were asked for
    url: str = ""

    def next(self, items: list[Any], default: Any) -> Any:
        """Take the next item, but leave the last."""
        return (items.pop(0) if len(items) > 1 else items[0]) if items else default


class Handler(BaseHTTPRequestHandler):
    """Serves the file at /log."""

    site: Site

    def do_GET(self) -> None:
        if self.path in ("/moved", "/round"):
            self.send_response(302)
            self.send_header("Location", {"/moved": "/log", "/round": "/round"}[self.path])
            self.end_headers()
            return
        if self.path == "/to-file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
            return
        if self.path != "/log":
            self.send_error(404)
            return
        site = self.site
        wanted = self.headers["Range"]
        site.asked.append(wanted)
        if site.busy:
            site.busy -= 1
            self.send_error(503)
            return
        whole = site.next(site.versions, TEXT)
        tag = f'"{hashlib.md5(whole).hexdigest()}"'
        cut = site.cuts.pop(0) if site.cuts else None
        part, start = whole, 0
        if wanted and site.ranges and self.headers["If-Range"] in (None, tag):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(whole):
                self.send_error(416)
                return
            part = whole[start:]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        else:
            self.send_response(200)
        if site.tag:
            self.send_header("ETag", tag)
        if site.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(part) + part[:cut] + (b"\r\n0\r\n\r\n" if cut is None else b""))
            return
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part[:cut])
        if cut is not None and site.silent:
            time.sleep(site.silent)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    state = Site()
    handler = type("Bound", (Handler,), {"site": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
        yield state
        httpd.shutdown()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def fetch(url: str, path: Path, **checksums: str) -> None:
    download(url, path, pause=0, **(checksums or {"sha256": SHA256}))


@pytest.mark.parametrize("page", ["/log", "/moved"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("checksums", [{"sha256": SHA256.upper()}, {"md5": MD5}, {"sha256": SHA256, "md5": MD5}])
def test_a_file_is_fetched(tmp_path: Path, site: Site, page: str, chunked: bool, checksums: dict[str, str]) -> None:
    path = tmp_path / "new" / "raw.log"
    site.chunked = chunked
    fetch(site.url + page, path, **checksums)
    assert path.read_bytes() == TEXT
    assert list(path.parent.iterdir()) == [path]


def test_a_file_url(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(TEXT)
    fetch((tmp_path / "a.log").as_uri(), tmp_path / "b.log")
    assert (tmp_path / "b.log").read_bytes() == TEXT


def test_a_cut_transfer_goes_on_in_the_same_run(tmp_path: Path, site: Site) -> None:
    path = tmp_path / "raw.log"
    site.cuts = [HALF, 1000, 7]
    fetch(site.url + "/log", path)
    assert path.read_bytes() == TEXT
    assert site.asked == [None, *(f"bytes={at}-" for at in (HALF, HALF + 1000, HALF + 1007))]
    assert list(tmp_path.iterdir()) == [path]


def test_more_cuts_than_attempts_do_no_harm_while_each_brings_something(tmp_path: Path, site: Site) -> None:
    site.cuts = [1000] * (3 * module.ATTEMPTS)
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert (tmp_path / "raw.log").read_bytes() == TEXT


def test_a_cut_transfer_goes_on_in_a_later_run(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "raw.log"
    path.write_bytes(b"old")
    site.cuts = [HALF] + [0] * module.ATTEMPTS
    with pytest.raises(UserError, match=rf"/log ended after {HALF} of {len(TEXT)} bytes; run the download again"):
        fetch(site.url + "/log", path)
    assert path.read_bytes() == b"old"
    assert (tmp_path / ".raw.log.partial").read_bytes() == TEXT[:HALF]
    site.asked.clear()
    fetch(site.url + "/log", path)
    assert site.asked == [f"bytes={HALF}-"]
    assert path.read_bytes() == TEXT
    assert list(tmp_path.iterdir()) == [path]


def test_a_server_without_ranges_starts_anew(tmp_path: Path, site: Site) -> None:
    site.ranges = False
    site.cuts = [HALF]
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert (tmp_path / "raw.log").read_bytes() == TEXT
    site.cuts = [HALF] * 100
    with pytest.raises(UserError, match=rf"ended after {HALF} of {len(TEXT)} bytes; run the download again"):
        fetch(site.url + "/log", tmp_path / "raw.log")
    assert len(site.asked) == 2 + 1 + module.ATTEMPTS


def test_a_server_that_falls_silent(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 1.0)
    site.cuts, site.silent = [HALF], 4.0
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert (tmp_path / "raw.log").read_bytes() == TEXT
    assert len(site.asked) > 1


def test_a_chunked_transfer_that_is_cut(tmp_path: Path, site: Site) -> None:
    site.chunked = True
    site.cuts = [HALF]
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert (tmp_path / "raw.log").read_bytes() == TEXT


@pytest.mark.parametrize("tag", [True, False])
def test_a_file_that_changes_between_attempts(tmp_path: Path, site: Site, tag: bool) -> None:
    """With a tag the server starts anew; without one the checksum tells, and the file is fetched once more."""
    site.tag = tag
    site.versions = [OTHER, TEXT]
    site.cuts = [HALF]
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert (tmp_path / "raw.log").read_bytes() == TEXT
    assert site.asked == [None, f"bytes={HALF}-"] + ([] if tag else [None])


def test_a_file_that_has_another_size_by_now(tmp_path: Path, site: Site) -> None:
    site.tag = False
    site.versions = [TEXT + TEXT, TEXT]
    site.cuts = [HALF]
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert (tmp_path / "raw.log").read_bytes() == TEXT
    # Shorter than what has come: the server refuses the range.
    site.versions = [TEXT + TEXT, TEXT]
    site.cuts = [len(TEXT) + 10]
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert (tmp_path / "raw.log").read_bytes() == TEXT


def test_what_another_url_left_is_not_used(tmp_path: Path, site: Site) -> None:
    site.versions = [OTHER]
    site.cuts = [HALF] + [1] * 100
    site.ranges = False
    with pytest.raises(UserError, match="ended after"):
        fetch(site.url + "/log", tmp_path / "raw.log")
    site.versions, site.cuts, site.asked = [TEXT], [], []
    fetch(site.url + "/moved", tmp_path / "raw.log")
    assert site.asked == [None]
    (tmp_path / ".raw.log.partial.json").write_text("no json")
    (tmp_path / ".raw.log.partial").write_bytes(b"of unknown origin")
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert list(tmp_path.iterdir()) == [tmp_path / "raw.log"]


def test_a_complete_partial_file_is_checked_without_the_server(tmp_path: Path, site: Site) -> None:
    site.cuts = [len(TEXT) - 1] + [0] * 100
    with pytest.raises(UserError, match=r"run the download again"):
        fetch(site.url + "/log", tmp_path / "raw.log")
    with (tmp_path / ".raw.log.partial").open("ab") as file:
        file.write(TEXT[-1:])
    site.asked.clear()
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert site.asked == []


def test_a_busy_server_is_asked_again(tmp_path: Path, site: Site) -> None:
    site.busy = 2
    fetch(site.url + "/log", tmp_path / "raw.log")
    assert len(site.asked) == 3
    site.busy = 100
    with pytest.raises(UserError, match=r"refused with 503 \(Service Unavailable\); try again later"):
        fetch(site.url + "/log", tmp_path / "raw.log")


def test_mistakes_leave_nothing_and_spare_what_was_there(tmp_path: Path, site: Site) -> None:
    path = tmp_path / "raw.log"
    path.write_bytes(b"old")
    cases: list[tuple[str, dict[str, str], str]] = [
        (site.url + "/log", {"sha256": "0" * 64}, f"has the sha256 {SHA256}, not {'0' * 64} as given"),
        (site.url + "/log", {"sha256": SHA256, "md5": "0" * 32}, f"has the md5 {MD5}, not {'0' * 32} as given"),
        (site.url + "/none", {"sha256": SHA256}, r"refused with 404 \(Not Found\); check the URL"),
        (site.url + "/round", {"sha256": SHA256}, "refused with 302"),
        (site.url + "/to-file", {"sha256": SHA256}, "refused with 302"),
        ((tmp_path / "none.log").as_uri(), {"sha256": SHA256}, "cannot be fetched"),
        ("ftp://127.0.0.1/log", {"sha256": SHA256}, "must begin with http://"),
        ("http://127.0.0.1:port/log", {"sha256": SHA256}, "no valid URL"),
        (site.url + "/log", {"sha256": "abc"}, "not 64 hexadecimal digits"),
        (site.url + "/log", {"md5": "abc"}, "not 32 hexadecimal digits"),
    ]
    for url, checksums, message in cases:
        with pytest.raises(UserError, match=message):
            fetch(url, path, **checksums)
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match="no checksum"):
        download(site.url + "/log", path)


def test_two_processes_do_not_fetch_the_same_file(tmp_path: Path, site: Site) -> None:
    path = tmp_path / "raw.log"
    with (tmp_path / ".raw.log.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=r"raw\.log is being downloaded by another process; wait"):
            fetch(site.url + "/log", path)
    assert site.asked == []
    fetch(site.url + "/log", path)  # a lock that a killed process left holds nobody up
    assert list(tmp_path.iterdir()) == [path]


def test_where_nothing_can_be_written(tmp_path: Path, site: Site) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"raw\.log cannot be written \(.*\); give a folder"):
        fetch(site.url + "/log", tmp_path / "file" / "raw.log")


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UserError, match=rf"127\.0\.0\.1:{port}/log cannot be fetched"):
        fetch(f"http://127.0.0.1:{port}/log", tmp_path / "raw.log")


def test_too_little_room(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(UserError, match=r"has 0\.0 GB to come, more than .* has room for"):
        fetch(site.url + "/log", tmp_path / "raw.log")
