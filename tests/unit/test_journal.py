"""The journal export; the form is that of systemd's Journal Export Formats."""

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from logassay.journal import as_json_lines

FIELDS = {"content": "MESSAGE", "time": "__REALTIME_TIMESTAMP"}


def binary(name: bytes, data: bytes) -> bytes:
    return name + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


def lines(raw: bytes) -> list[bytes]:
    return as_json_lines(io.BytesIO(raw), FIELDS).read().split(b"\n")


def test_an_entry_is_a_line_at_its_first_line() -> None:
    export = (
        b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=5\nMESSAGE=a=b\n\n"  # lines 1-4
        b"\n"  # line 5
        b"MESSAGE=c\nMESSAGE=again\nPRIORITY=6\n\n"  # lines 6-9
        b"PRIORITY=6\n"  # line 10
    )
    found = lines(export)
    assert json.loads(found[0]) == {"time": "5", "content": "a=b"}
    assert json.loads(found[5]) == {"content": "c"}
    assert found[1:5] == [b""] * 4
    assert found[6:] == [b""] * 5  # nothing of line 10 is wanted; the last is what follows the last newline


def test_binary_fields_may_hold_lines_and_blank_lines() -> None:
    # 10 bytes, so that the length is a newline itself.
    message = b"two\n\nli\xff\n\x00"
    assert len(message) == 10
    export = b"__REALTIME_TIMESTAMP=5\n" + binary(b"MESSAGE", message) + b"PRIORITY=6\n\nMESSAGE=next\n"
    found = lines(export)
    assert json.loads(found[0]) == {"time": "5", "content": "two\n\nli\ufffd\n\x00"}
    assert json.loads(found[export[: export.index(b"MESSAGE=next")].count(b"\n")]) == {"content": "next"}
    assert len(found) - 1 == export.count(b"\n")


def test_what_only_looks_like_a_binary_field_costs_no_line() -> None:
    found = lines(b"MESSAGE\nno length here\nMESSAGE=a\n\n")
    assert json.loads(found[0]) == {"content": "a"}
    assert found[1:] == [b""] * 4


PART = st.sampled_from([b"MESSAGE=x", b"MESSAGE\n", b"\n", b"__REALTIME_TIMESTAMP=1", b"\x03\0\0\0\0\0\0\0", b"\0" * 8])


@given(st.lists(PART | st.binary(max_size=12)).map(b"".join))
def test_whatever_the_bytes_no_line_is_lost(raw: bytes) -> None:
    found = as_json_lines(io.BytesIO(raw), FIELDS).read()
    assert found.count(b"\n") == raw.count(b"\n") + (raw[-1:] not in (b"", b"\n"))
    for line in found.splitlines():
        assert line == b"" or set(json.loads(line)) <= set(FIELDS)
