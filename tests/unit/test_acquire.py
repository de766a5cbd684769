"""Logs as byte streams, and downloads that are checked."""

import gzip
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import zstandard

from logassay.acquire import download, open_log
from logassay.errors import UserError

# Longer than any buffer on the way, and hard enough to compress that archives can be cut in the middle.
TEXT = b"".join(b"line %d %s\n" % (i, hashlib.sha256(b"%d" % i).hexdigest().encode()) for i in range(20_000))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


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
    ],
)
def test_content_is_read_whatever_the_file_is(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with open_log(tmp_path / name) as stream:
        assert stream.read() == TEXT
    with open_log(tmp_path / name) as stream:
        assert stream.readline() == TEXT[: TEXT.index(b"\n") + 1]
        assert sum(1 for _ in stream) == 19_999


@pytest.mark.parametrize(("name", "compress"), [("log.gz", gzip.compress), ("log.zst", zstd)])
@pytest.mark.parametrize("kept", [0.0001, 0.5, -1, -5])
def test_truncated_archive(tmp_path: Path, name: str, compress: Callable[[bytes], bytes], kept: float) -> None:
    data = compress(TEXT)
    path = tmp_path / name
    path.write_bytes(data[: int(kept) if kept < 0 else int(kept * len(data))])
    with pytest.raises(UserError, match=rf"{name} ends early: the \.\w+ file is truncated; fetch it again"):
        open_log(path).read()


@pytest.mark.parametrize(("name", "compress"), [("log.gz", gzip.compress), ("log.zst", zstd)])
def test_damaged_archive(tmp_path: Path, name: str, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / name
    data = bytearray(compress(TEXT))
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"{name} is a damaged"):
        open_log(path).read()
    path.write_bytes(compress(TEXT) + b"something else")
    with pytest.raises(UserError, match=f"{name} is a damaged"):
        open_log(path).read()
    path.write_bytes(b"plain text under the name of an archive\n")
    with pytest.raises(UserError, match=f"{name} is a damaged"):
        open_log(path).read()


@pytest.mark.parametrize(
    ("name", "data"), [("a.log", b""), ("a.gz", b""), ("b.gz", gzip.compress(b"")), ("c.zst", zstd(b""))]
)
def test_empty_file(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=f"{name} is empty"):
        open_log(tmp_path / name)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.log does not exist"):
        open_log(tmp_path / "no.log")
    with pytest.raises(UserError, match="cannot be read"):
        open_log(tmp_path)


SHA256 = hashlib.sha256(TEXT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves the text at /log, and misbehaves in other places."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/log")
            self.end_headers()
        elif self.path in ("/log", "/short", "/chunked"):
            self.send_response(200)
            if self.path != "/chunked":
                self.send_header("Content-Length", str(len(TEXT)))
            self.end_headers()
            self.wfile.write(TEXT if self.path != "/short" else TEXT[:-1])
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("page", ["/log", "/moved", "/chunked"])
def test_download(tmp_path: Path, server: str, page: str) -> None:
    path = tmp_path / "new" / "raw.log"
    download(server + page, SHA256.upper(), path)
    assert path.read_bytes() == TEXT
    assert list(path.parent.iterdir()) == [path]


def test_download_of_a_file_url(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(TEXT)
    download((tmp_path / "a.log").as_uri(), SHA256, tmp_path / "b.log")
    assert (tmp_path / "b.log").read_bytes() == TEXT


def test_failed_download_leaves_nothing_and_spares_what_was_there(tmp_path: Path, server: str) -> None:
    path = tmp_path / "raw.log"
    path.write_bytes(b"old")
    cases = [
        (server + "/log", "0" * 64, f"has the sha256 {SHA256}, not {'0' * 64}"),
        (server + "/short", SHA256, f"ended after {len(TEXT) - 1} of {len(TEXT)} bytes"),
        (server + "/none", SHA256, r"refused with 404 \(Not Found\)"),
        ((tmp_path / "none.log").as_uri(), SHA256, "cannot be fetched"),
        ("ftp://127.0.0.1/log", SHA256, "must begin with http://"),
        ("http://127.0.0.1:port/log", SHA256, "no valid URL"),
        (server + "/log", "abc", "not 64 hexadecimal digits"),
    ]
    for url, sha256, message in cases:
        with pytest.raises(UserError, match=message):
            download(url, sha256, path)
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UserError, match=rf"127\.0\.0\.1:{port}/log cannot be fetched"):
        download(f"http://127.0.0.1:{port}/log", SHA256, tmp_path / "raw.log")
