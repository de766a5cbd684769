"""The masks of config/formats.yaml, on made-up messages of the systems' kinds."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from logassay.line_format import LineFormat
from logassay.masks import is_blind

FORMATS = yaml.safe_load((Path(__file__).resolve().parents[2] / "config/formats.yaml").read_text())["formats"]
SLOWER = {"bgl", "access-log"}
"""Formats with masks that need every line."""


def masked(name: str, *contents: str) -> list[str]:
    message = LineFormat.from_dict(name, FORMATS[name]).message(pl.DataFrame({"content": contents}))
    return message.to_list()


@pytest.mark.parametrize("name", sorted(set(FORMATS) - SLOWER))
def test_masks_are_blind_to_digits_which_makes_them_fast(name: str) -> None:
    masks = LineFormat.from_dict(name, FORMATS[name]).masks
    assert [pattern for pattern, _ in masks if not is_blind(pattern)] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("took 12 ms, 0.5 s or 1,234.5 s", "took <*> ms, <*> s or <*> s"),
        ("at 192.0.2.7:8080 since 07:49:04", "at <*> since <*>"),
        ("on 2024-02-29 at 23:59:59,123", "on <*> at <*>"),
        ("since Mon Sep 27 22:15:36 EDT 2004.", "since <*>."),
        ("id 123e4567-e89b-12d3-a456-426614174000 gone", "id <*> gone"),
        # The first part of the UUID has no digit.
        ("id abcdefab-e89b-12d3-abcd-426614174000 gone", "id <*> gone"),
        ("at 0x00544ea8 and 00544ea8", "at <*> and <*>"),
        ("station 00:1b:44:11:3a:b7 left", "station <*> left"),
        ("from fe80:0:0:0:d8a5:90ff:fef5:7fff", "from <*>"),
        ("read /var/log/x-1.log (./a/b)", "read <*> (<*>)"),
        ("no such file: C:\\Users\\x\\y.txt.", "no such file: <*>"),
        ("see https://example.org/a?b=c, please", "see <*>, please"),
        ("node11 has 64MB, eth0 none", "node<*> has <*>MB, eth<*> none"),
        ("job x1y22z3 of jA9JBVPb020 done", "job <*> of <*> done"),
        # Words stay, those of hexadecimal letters alone included.
        ("a bad face added: and/or n/a", "a bad face added: and/or n/a"),
        ("", ""),
    ],
)
def test_what_varies_in_most_logs(content: str, message: str) -> None:
    assert masked("plain", content) == [message]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("thunderbird", "no answer from an1 an2 bn33 on eth0", "no answer from <*> on <*>"),
        ("thunderbird", "update (/a/b c/d.rrd): failed", "update <*>: failed"),
        ("openstack", "[instance: 123e4567-e89b-12d3-a456-426614174000] VM Started", "VM Started"),
        ("openstack", '192.0.2.1,192.0.2.2 "GET /v2/abc/servers?x=1 HTTP/1.1" status: 200', None),
        ("hadoop", "attempt_1445_0020_m_000001_0 on a-b-1.example.com: RUNNING", "attempt_<*> on <*>: RUNNING"),
        ("hadoop", "task_1445_0020_r_000001 of job_1445_0020", "task_<*> of job_<*>"),
        (
            "spark",
            "Block rdd_1_2 (size 28.8 KB, free 5 MB, of 300.0 B)",
            "Block rdd_<*>_<*> (size <*>, free <*>, of <*>)",
        ),
        ("hpc", "Component \\042disk0 a\\042 of node-D7, node-[3-9] and node-12", "Component <*> of <*>, <*> and <*>"),
        ("linux", "session opened for user ann by (uid=0)", "session opened for user <*> by (uid=<*>)"),
        ("linux", "failure; logname= uid=0 rhost=h.example.org  user=ann", None),
        (
            "openssh",
            "Failed password for invalid user ann from 192.0.2.1",
            "Failed password for invalid user <*> from <*>",
        ),
        ("openssh", "Failed password for root from 192.0.2.1", "Failed password for <*> from <*>"),
        ("openssh", "Too many authentication failures for ann [preauth]", None),
        ("windows", "00000001@2016/9/27:20:30:31.455 Start (stack @0x7f @0xff83)", "Start (stack <*>)"),
        ("windows", "package: Package_for_KB1~31bf3856ad36~amd64~~6.1.1.2, x", "package: <*>, x"),
        (
            "android",
            'lock=1, tag="View Lock", name=a.b, ws=null, pid=2',
            "lock=<*>, tag=<*>, name=<*>, ws=<*>, pid=<*>",
        ),
        ("android", "Record{de92 u0 com.example.app/.ui.Main t7}", "Record{<*> u<*> <*> t<*>}"),
        (
            "proxifier",
            "a.example.org:5070 close, 0 bytes sent, lifetime <1 sec",
            "<*> close, <*> bytes sent, lifetime <*>",
        ),
        (
            "proxifier",
            "a.example.org:5070 close, 0 bytes sent, lifetime 00:17",
            "<*> close, <*> bytes sent, lifetime <*>",
        ),
    ],
)
def test_what_varies_in_the_logs_of_one_system(name: str, content: str, message: str | None) -> None:
    others = {
        "openstack": '"GET <*> HTTP/<*>" status: <*>',
        "linux": "failure; logname= uid=<*> rhost=<*>  user=<*>",
        "openssh": "Too many authentication failures for <*> [preauth]",
    }
    assert masked(name, content) == [message or others[name]]
