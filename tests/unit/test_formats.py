"""The formats of config/formats.yaml, on lines in the form of each system; expectations are read off the lines."""

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from logassay.line_format import LineFormat
from logassay.parse import parse

ROOT = Path(__file__).resolve().parents[2]
ENTRIES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "config" / "formats.yaml").read_text())["formats"]

NODE = "- 1117838570 2005.06.03 {} Jun 3 15:42:50 {}/{} "
UUID = "0673dd71-34c5-4fbb-86c4-40623fbe45b4"
REQUEST = "[req-38101a0b-2096-447d-96ea-a692162415ae - - - - -]"

# Format: lines, each with the content, time, session keys and alert that are read from it; None: no header line.
Expected = tuple[str, str | None, list[str], bool | None]
CASES: dict[str, list[tuple[str, Expected | None]]] = {
    "hdfs": [
        (
            "081109 203518 143 INFO dfs.DataNode$DataXceiver: Receiving block blk_-16 src: /10.0.0.1:5 dest: /10.0.0.2",
            (
                "Receiving block blk_-16 src: /10.0.0.1:5 dest: /10.0.0.2",
                "2008-11-09 20:35:18",
                ["blk_-16"],
                None,
            ),
        )
    ],
    "bgl": [
        (
            "APPREAD 1117869872 2005.06.04 R04-M1-N4-I:J18-U11 2005-06-04-00.24.32.398284 R04-M1-N4-I:J18-U11 RAS APP "
            "FATAL ciod: failed to read",
            ("ciod: failed to read", "2005-06-04 00:24:32.398284", ["R04-M1-N4-I:J18-U11"], True),
        ),
        (
            "- 1117869872 2005.06.04 R04 2005-06-04-00.24.32.5 R04 RAS KERNEL INFO generating core.1",
            ("generating core.1", "2005-06-04 00:24:32.500000", ["R04"], False),
        ),
    ],
    "thunderbird": [
        (
            NODE.format("dn2", "dn2", "dn2") + "crond(pam_unix)[2915]: session closed for user root",
            ("session closed for user root", "2005-06-03 22:42:50", ["dn2"], False),
        ),
        (
            "ECC "
            + (NODE.format("an5", "src@an5", "x") + "Server Administrator: Instrumentation Service EventID: 1404")[2:],
            ("Instrumentation Service EventID: 1404", "2005-06-03 22:42:50", ["an5"], True),
        ),
        (
            NODE.format("an5", "an5", "an5") + "-- MARK --",
            ("-- MARK --", "2005-06-03 22:42:50", ["an5"], False),
        ),
    ],
    "spirit": [
        (
            NODE.format("sn3", "sn3", "sn3") + "kernel: scsi0: device busy",
            ("scsi0: device busy", "2005-06-03 22:42:50", ["sn3"], False),
        )
    ],
    "liberty": [
        (
            "R_PBS " + NODE.format("ln9", "ln9", "ln9")[2:] + "pbs_mom: task_check, cannot tm_reply",
            ("task_check, cannot tm_reply", "2005-06-03 22:42:50", ["ln9"], True),
        )
    ],
    "openstack": [
        (
            f"nova-compute.log.1.2017-05-16_13:55:31 2017-05-16 00:00:04.500 2931 INFO nova.compute.manager {REQUEST} "
            f"[instance: {UUID}] VM Started (Lifecycle Event)",
            (f"[instance: {UUID}] VM Started (Lifecycle Event)", "2017-05-16 00:00:04.500000", [UUID], None),
        ),
        (
            f"nova-api.log.1.x 2017-05-16 00:00:00.008 25746 INFO nova.osapi_compute.wsgi.server {REQUEST} 10.11.10.1 "
            '"GET /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/detail HTTP/1.1" status: 200',
            (
                '10.11.10.1 "GET /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/detail HTTP/1.1" status: 200',
                "2017-05-16 00:00:00.008000",
                [],
                None,
            ),
        ),
        (
            f"nova-compute.log.1.x 2017-05-16 00:00:01.001 2931 INFO nova.virt.libvirt.driver [-] Deleting instance "
            f"files /var/lib/nova/instances/{UUID}_del for image 0673dd71-0000-4fbb-86c4-40623fbe45b4",
            (
                f"Deleting instance files /var/lib/nova/instances/{UUID}_del for image "
                "0673dd71-0000-4fbb-86c4-40623fbe45b4",
                "2017-05-16 00:00:01.001000",
                [UUID],
                None,
            ),
        ),
    ],
    "hadoop": [
        (
            "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created MRAppMaster "
            "for application appattempt_1445144423722_0020_000001",
            (
                "Created MRAppMaster for application appattempt_1445144423722_0020_000001",
                "2015-10-18 18:01:47.978000",
                ["1445144423722_0020"],
                None,
            ),
        ),
        (
            "2015-10-18 18:02:00,001 WARN [Socket Reader #1 for port 62270] SecurityLogger.org.apache.hadoop.Server: "
            "ok: attempt_1445144423722_0020_m_000009_0 in container_e17_1445144423722_0021_01_000003",
            (
                "ok: attempt_1445144423722_0020_m_000009_0 in container_e17_1445144423722_0021_01_000003",
                "2015-10-18 18:02:00.001000",
                ["1445144423722_0020", "1445144423722_0021"],
                None,
            ),
        ),
        ("java.io.IOException: broken", None),
    ],
    "spark": [
        (
            "17/06/09 20:10:45 INFO executor.Executor: Running task 0.0 in stage 0.0 (TID 0)",
            ("Running task 0.0 in stage 0.0 (TID 0)", "2017-06-09 20:10:45", [], None),
        )
    ],
    "zookeeper": [
        (
            "2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - "
            "Notification time out: 3200",
            ("Notification time out: 3200", "2015-07-29 17:41:44.747000", [], None),
        )
    ],
    "hpc": [
        (
            "134681 node-246 unix.hw state_change.unavailable 1077804742 1 Component State Change",
            ("Component State Change", "2004-02-26 14:12:22", ["node-246"], None),
        )
    ],
    "linux": [
        (
            "Jun  4 15:16:01 combo sshd(pam_unix)[19939]: check pass; user unknown",
            ("check pass; user unknown", "2005-06-04 15:16:01", [], None),
        ),
        ("Jun 14 15:16:02 combo -- MARK --", ("-- MARK --", "2005-06-14 15:16:02", [], None)),
    ],
    "mac": [
        (
            "Jul  1 09:29:02 my-mac sandboxd[129] ([31211]): com.apple.Addres(31211) deny network-outbound",
            ("com.apple.Addres(31211) deny network-outbound", "2017-07-01 09:29:02", [], None),
        ),
        (
            "Jul  1 09:29:03 my-mac Microsoft Word[12]: a: b",
            ("a: b", "2017-07-01 09:29:03", [], None),
        ),
        (
            "Jul 11 09:29:03 my-mac --- last message repeated 1 time ---",
            ("--- last message repeated 1 time ---", "2017-07-11 09:29:03", [], None),
        ),
    ],
    "windows": [
        (
            "2016-09-28 04:30:31, Info                  CBS    Starting the TrustedInstaller main loop.",
            ("Starting the TrustedInstaller main loop.", "2016-09-28 04:30:31", [], None),
        )
    ],
    "android": [
        (
            "03-17 16:13:38.811  1702  2395 D WindowManager: printFreezingDisplayLogs: none",
            ("printFreezingDisplayLogs: none", "2000-03-17 16:13:38.811000", ["1702"], None),
        )
    ],
    "apache": [
        (
            "[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6",
            ("mod_jk child workerEnv in error state 6", "2005-12-04 04:47:44", [], None),
        ),
        (
            "[Thu Jan 01 04:47:44.123456 2026] [core:error] [pid 5] AH00124",
            ("[pid 5] AH00124", "2026-01-01 04:47:44", [], None),
        ),
    ],
    "openssh": [
        (
            "Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 10.0.0.1",
            ("Invalid user webmaster from 10.0.0.1", "2000-12-10 06:55:46", ["24200"], None),
        )
    ],
    "proxifier": [
        (
            "[10.30 16:49:06] chrome.exe *64 - proxy.example.org:5070 close, 0 bytes sent - done",
            ("proxy.example.org:5070 close, 0 bytes sent - done", "2000-10-30 16:49:06", [], None),
        )
    ],
    "healthapp": [
        (
            "20171223-22:15:29:606|Step_LSC|30002312|onStandStepChanged 3579",
            ("onStandStepChanged 3579", "2017-12-23 22:15:29.606000", [], None),
        ),
        (
            "20171223-22:15:35:11|Step_SPUtils|30002312| getTodayTotalDetailSteps = 1514038440000##7015",
            (" getTodayTotalDetailSteps = 1514038440000##7015", "2017-12-23 22:15:35.011000", [], None),
        ),
        (
            "20171223-0:5:5:1|A|1|b|c",
            ("b|c", "2017-12-23 00:05:05.001000", [], None),
        ),
    ],
    "syslog-rfc3164": [
        (
            "<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed: no",
            ("'su root' failed: no", "2000-10-11 22:14:15", [], None),
        ),
        ("Oct  1 22:14:15 mymachine kernel: usb: x", ("usb: x", "2000-10-01 22:14:15", [], None)),
        (
            "Oct  1 22:14:15 mymachine last message repeated 2 times",
            ("last message repeated 2 times", "2000-10-01 22:14:15", [], None),
        ),
        ("    at a.b.C", None),
    ],
    "syslog-iso": [
        (
            "2026-01-02T03:04:05.678901+09:00 host systemd[1]: Started: x",
            ("Started: x", "2026-01-01 18:04:05.678901", [], None),
        ),
        ("2026-01-02T03:04:05Z host CRON: y", ("y", "2026-01-02 03:04:05", [], None)),
    ],
    "syslog-rfc5424": [
        (
            "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
            '[exampleSDID@32473 iut="3" eventSource="Appli]cation \\" ]"][examplePriority@32473 class="high"] '
            "\ufeffAn event",
            ("An event", "2003-10-11 22:14:15.003000", [], None),
        ),
        (
            "<34>1 2003-10-11T22:14:15.003-07:00 host su 123 - - 'su root' failed",
            ("'su root' failed", "2003-10-12 05:14:15.003000", [], None),
        ),
        ("<34>1 2003-10-11T22:14:15Z host su - - -", ("", "2003-10-11 22:14:15", [], None)),
    ],
    "json-lines": [
        (
            '{"timestamp": "2026-01-02T03:04:05.5+01:00", "level": "INFO", "message": "said \\"no\\"\\tto 5\\n"}',
            ('said "no"\tto 5', "2026-01-02 02:04:05.500000", [], None),
        ),
        ("Traceback (most recent call last):", None),
        ("[1, 2]", None),
        ('{"other": 1}', None),
        ('{"timestamp": "2026-01-02T03:04:05Z", "message": null}', ("", "2026-01-02 03:04:05", [], None)),
        ('{"timestamp": "2026-01-02T03:04:05Z", "message": {"a": 1}}', ('{"a":1}', "2026-01-02 03:04:05", [], None)),
    ],
    "docker": [
        (
            '{"log":"Listening on 80\\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}',
            ("Listening on 80", "2026-01-02 03:04:05.123456", [], None),
        )
    ],
    "kubernetes": [
        (
            "2026-01-02T03:04:05.123456789+00:00 stderr F panic: x",
            ("panic: x", "2026-01-02 03:04:05.123456", [], None),
        )
    ],
    "journald": [
        (
            "__REALTIME_TIMESTAMP=1423944916375353\nMESSAGE=Started.\n_SYSTEMD_INVOCATION_ID=ab1\n",
            ("Started.", "2015-02-14 20:15:16.375353", ["ab1"], None),
        ),
        (
            "MESSAGE=usb 1-1: new device\n__REALTIME_TIMESTAMP=1423944916375354\n",
            ("usb 1-1: new device", "2015-02-14 20:15:16.375354", [], None),
        ),
    ],
    "journald-json": [
        (
            '{"__REALTIME_TIMESTAMP":"1423944916375353","MESSAGE":"Started.","_SYSTEMD_INVOCATION_ID":"ab1"}',
            ("Started.", "2015-02-14 20:15:16.375353", ["ab1"], None),
        )
    ],
    "log4j": [
        (
            "2026-01-02 03:04:05,678 INFO  [main] org.example.Server - Started in 5 s",
            ("Started in 5 s", "2026-01-02 03:04:05.678000", [], None),
        ),
        (
            "2026-01-02T03:04:05.678901 [pool-1] WARN org.example.Server: slow: 7",
            ("slow: 7", "2026-01-02 03:04:05.678901", [], None),
        ),
        ("2026-01-02 03:04:05 ERROR out of order", ("out of order", "2026-01-02 03:04:05", [], None)),
        ("\tat org.example.Server.main(Server.java:5)", None),
    ],
    "python-logging": [
        (
            "2026-01-02 03:04:05,678 - my.app - INFO - a - b",
            ("a - b", "2026-01-02 03:04:05.678000", [], None),
        )
    ],
    "access-log": [
        (
            '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326',
            ('"GET /apache_pb.gif HTTP/1.0" 200 2326', "2000-10-10 20:55:36", ["127.0.0.1"], None),
        ),
        (
            '::1 - - [01/Jan/2026:00:00:01 +0000] "GET / HTTP/1.1" 404 - "https://example.org/" "Mozilla/5.0 (X)"',
            (
                '"GET / HTTP/1.1" 404 - "https://example.org/" "Mozilla/5.0 (X)"',
                "2026-01-01 00:00:01",
                ["::1"],
                None,
            ),
        ),
    ],
    "nginx-error": [
        (
            '2026/01/02 03:04:05 [error] 31#31: *17 open() "/x" failed',
            ('open() "/x" failed', "2026-01-02 03:04:05", ["17"], None),
        ),
        ("2026/01/02 03:04:05 [notice] 31#31: start", ("start", "2026-01-02 03:04:05", [], None)),
    ],
    "plain": [("anything: 1", ("anything: 1", None, [], None)), ("", ("", None, [], None))],
}


def text(name: str) -> str:
    return "".join(line + "\n" for line, _ in CASES[name])


def as_time(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def test_every_format_is_tested() -> None:
    assert set(CASES) == set(ENTRIES)


@pytest.mark.parametrize("name", CASES)
def test_lines_of_every_format(name: str) -> None:
    fmt = LineFormat.from_dict(name, ENTRIES[name])
    stream = fmt.stream(io.BytesIO(text(name).encode()))
    lines = pl.Series("text", stream.read().decode().splitlines(), dtype=pl.String)
    fields = fmt.fields(lines)
    if name == "journald":  # the entry is the first of its lines
        fields = fields.filter(pl.any_horizontal(pl.all().is_not_null()))
    headers = fields.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    assert headers.to_list() == [expected is not None for _, expected in CASES[name]]
    fields = fields.filter(headers).with_columns(pl.col("content").fill_null(""))
    found = zip(fields["content"], fmt.dated(fmt.time(fields)), fmt.keys(fields), fmt.alert(fields), strict=True)
    assert [(content, time, list(keys), alert) for content, time, keys, alert in found] == [
        (content, as_time(time), keys, alert)
        for _, case in CASES[name]
        if case
        for content, time, keys, alert in [case]
    ]


@pytest.mark.parametrize("name", CASES)
def test_a_log_of_every_format_is_parsed(name: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(text(name), encoding="utf-8")
    fmt = LineFormat.from_dict(name, ENTRIES[name])
    outputs = [tmp_path / f"{part}.parquet" for part in ("lines", "messages", "rejects")]
    report = parse(tmp_path / "log", fmt, *outputs)
    headers = [expected for _, expected in CASES[name] if expected]
    assert report.lines == text(name).count("\n") == report.parsed + report.joined
    assert (report.parsed, report.rejected) == (len(headers), 0)
    assert pl.read_parquet(outputs[0])["time"].to_list() == [as_time(time) for _, time, _, _ in headers]


@pytest.mark.parametrize(("name", "entry"), ENTRIES.items())
def test_masks_leave_words_and_take_what_varies(name: str, entry: dict[str, Any]) -> None:
    fmt = LineFormat.from_dict(name, entry)
    messages = [
        f"connection {number} from 10.0.0.{number}:50{number} took {number}{number} ms" for number in (1, 22, 7)
    ]
    masked = fmt.message(pl.DataFrame({"content": messages})).unique().to_list()
    if name != "access-log":  # its messages are requests
        assert len(masked) == 1
        assert masked[0].startswith("connection ")
        assert masked[0].endswith(" ms")


def test_requests_of_an_access_log_are_masked() -> None:
    fmt = LineFormat.from_dict("access-log", ENTRIES["access-log"])
    requests = [
        f'"GET /shop/item-{number}/view?id={number} HTTP/1.1" 200 {number} "https://x/{number}" "agent {number}"'
        for number in (5, 17)
    ]
    assert fmt.message(pl.DataFrame({"content": requests})).unique().to_list() == [
        '"GET /shop/<*>/view?<*> HTTP/<*>" 200 <*> "<*>" "<*>"'
    ]
