"""Made-up logs in the forms that programs write, for tests: a small service whose requests overlap.

`lines("log4j")` gives lines of one form; the same seed gives the same lines.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

HOSTS = ("web1", "web2", "db1")
FLOWS = (
    (
        ("INFO", "gate.Listener", "Accepted connection from {ip} port {port}"),
        ("INFO", "gate.Auth", "User {user} signed in from {ip}"),
        ("DEBUG", "store.Cache", "Cache miss for item {number}, asking the database"),
        ("INFO", "store.Query", "Query finished in {small} ms with {small} rows"),
        ("INFO", "gate.Writer", "Sent {number} bytes to {ip}"),
        ("INFO", "gate.Listener", "Connection closed by {ip}"),
    ),
    (
        ("INFO", "gate.Listener", "Accepted connection from {ip} port {port}"),
        ("WARN", "gate.Auth", "Password of {user} was wrong, {small} attempts left"),
        ("INFO", "gate.Listener", "Connection closed by {ip}"),
    ),
    (
        ("INFO", "jobs.Runner", "Job {number} started on /var/spool/jobs/{number}.json"),
        ("DEBUG", "jobs.Runner", "Read {number} records"),
        ("INFO", "store.Query", "Query finished in {small} ms with {small} rows"),
        ("ERROR", "jobs.Runner", "Job {number} gave up: disk is full"),
    ),
    (
        ("INFO", "jobs.Runner", "Job {number} started on /var/spool/jobs/{number}.json"),
        ("DEBUG", "jobs.Runner", "Read {number} records"),
        ("INFO", "jobs.Runner", "Job {number} finished in {small} s"),
    ),
)


@dataclass(frozen=True)
class Event:
    """One message of the service."""

    time: datetime
    level: str
    component: str
    text: str
    request: str
    pid: int
    host: str
    ip: str


def events(count: int, seed: int = 1) -> Iterator[Event]:
    """Yield messages of overlapping requests in the order of time."""
    rng = random.Random(seed)
    now = datetime(2026, 3, 4, 9, 0, 0, 250_000)
    running: list[list[Event]] = []
    for _ in range(count):
        if not running or (len(running) < 4 and rng.random() < 0.5):
            ip, pid = f"10.0.{rng.randrange(4)}.{rng.randrange(1, 255)}", rng.randrange(1000, 30_000)
            values = {"ip": ip, "user": rng.choice(("ana", "bo", "cem")), "port": rng.randrange(1024, 60_000)}
            request, host = f"{rng.getrandbits(64):016x}", rng.choice(HOSTS)
            running.append([])
            for level, component, text in rng.choices(FLOWS, weights=(6, 2, 1, 3))[0]:
                said = text.format(**values, number=rng.randrange(100, 100_000), small=rng.randrange(1, 60))
                running[-1].append(Event(now, level, component, said, request, pid, host, ip))
        flow = rng.choice(running)
        event = flow.pop(0)
        now += timedelta(milliseconds=rng.randrange(5, 900))
        yield Event(now, event.level, event.component, event.text, event.request, event.pid, event.host, event.ip)
        running = [flow for flow in running if flow]


def _since(event: Event) -> int:
    """Microseconds since 1970."""
    return round((event.time - datetime(1970, 1, 1)).total_seconds() * 1e6)


def _journal(event: Event) -> str:
    since = _since(event)
    fields = (f"__REALTIME_TIMESTAMP={since}", "PRIORITY=6", f"_PID={event.pid}", f"_HOSTNAME={event.host}")
    return "\n".join([f"__CURSOR=s=1;i={since:x}", *fields, f"MESSAGE={event.text}", ""])


def _alert(event: Event) -> str:
    return "DISKFULL" if event.level == "ERROR" else "-"


FORMS: dict[str, Callable[[Event], str]] = {
    "hdfs": lambda e: f"{e.time:%y%m%d %H%M%S} {e.pid} {e.level} dfs.{e.component}: {e.text}",
    "bgl": lambda e: (
        f"{_alert(e)} {_since(e) // 10**6} {e.time:%Y.%m.%d} R0{e.pid % 4}-M1 {e.time:%Y-%m-%d-%H.%M.%S.%f} "
        f"R0{e.pid % 4}-M1 RAS KERNEL {e.level} {e.text}"
    ),
    "thunderbird": lambda e: (
        f"{_alert(e)} {_since(e) // 10**6} {e.time:%Y.%m.%d} {e.host} {e.time:%b} {e.time.day} {e.time:%H:%M:%S} "
        f"{e.host}/{e.host} {e.component}[{e.pid}]: {e.text}"
    ),
    "openstack": lambda e: (
        f"nova-api.log.1.2026-03-04 {e.time:%Y-%m-%d %H:%M:%S}.250 {e.pid} {e.level} nova.{e.component} "
        f"[req-{e.request}] {e.text}"
    ),
    "hadoop": lambda e: f"{e.time:%Y-%m-%d %H:%M:%S},250 {e.level} [main] org.apache.{e.component}: {e.text}",
    "spark": lambda e: f"{e.time:%y/%m/%d %H:%M:%S} {e.level} {e.component}: {e.text}",
    "zookeeper": lambda e: f"{e.time:%Y-%m-%d %H:%M:%S},250 - {e.level}  [main:{e.component}@{e.pid % 90}] - {e.text}",
    "hpc": lambda e: f"{e.pid} node-{e.pid % 7} unix.hw state_change.unavailable {_since(e) // 10**6} 1 {e.text}",
    "windows": lambda e: f"{e.time:%Y-%m-%d %H:%M:%S}, Info                  CBS    {e.text}",
    "android": lambda e: (
        f"{e.time:%m-%d %H:%M:%S}.250  {e.pid % 3 + 1700}  {e.pid} {e.level[0]} {e.component}: {e.text}"
    ),
    "apache": lambda e: f"[{e.time:%a %b %d %H:%M:%S %Y}] [{e.level.lower()}] {e.text}",
    "openssh": lambda e: f"{e.time:%b %d %H:%M:%S} {e.host} sshd[{e.pid}]: {e.text}",
    "proxifier": lambda e: f"[{e.time:%m.%d %H:%M:%S}] chrome.exe - {e.text}",
    "healthapp": lambda e: f"{e.time:%Y%m%d-%H:%M:%S}:250|{e.component}|{e.pid}|{e.text}",
    "syslog-rfc3164": lambda e: f"{e.time:%b} {e.time.day:2} {e.time:%H:%M:%S} {e.host} service[{e.pid}]: {e.text}",
    "syslog-iso": lambda e: f"{e.time:%Y-%m-%dT%H:%M:%S.%f}+01:00 {e.host} service[{e.pid}]: {e.text}",
    "syslog-rfc5424": lambda e: f"<34>1 {e.time:%Y-%m-%dT%H:%M:%S}.250Z {e.host} service {e.pid} - - {e.text}",
    "json-lines": lambda e: json.dumps(
        {"timestamp": f"{e.time:%Y-%m-%dT%H:%M:%S}.250Z", "level": e.level, "message": e.text, "request": e.request}
    ),
    "docker": lambda e: json.dumps(
        {"log": f"{e.text}\n", "stream": "stdout", "time": f"{e.time:%Y-%m-%dT%H:%M:%S}.250000001Z"}
    ),
    "kubernetes": lambda e: f"{e.time:%Y-%m-%dT%H:%M:%S}.250000001Z stdout F {e.text}",
    "journald": _journal,
    "log4j": lambda e: (
        f"{e.time:%Y-%m-%d %H:%M:%S},250 {e.level:5} [worker-{e.pid % 4}] com.example.{e.component} - {e.text}"
    ),
    "python-logging": lambda e: f"{e.time:%Y-%m-%d %H:%M:%S},250 - {e.component} - {e.level} - {e.text}",
    "access-log": lambda e: (
        f'{e.ip} - - [{e.time:%d/%b/%Y:%H:%M:%S} +0000] "GET /items/{e.pid}?page={e.pid % 9} HTTP/1.1" '
        f'{200 if e.level != "ERROR" else 500} {e.pid} "-" "Mozilla/5.0"'
    ),
    "nginx-error": lambda e: f"{e.time:%Y/%m/%d %H:%M:%S} [{e.level.lower()}] 17#17: *{e.pid} {e.text}",
    "plain": lambda e: e.text,
    # Forms that no known format reads as they are.
    "fields-of-its-own": lambda e: json.dumps(
        {"t": _since(e) // 1000, "sev": e.level, "msg": e.text, "trace_id": e.request}
    ),
    "brackets": lambda e: f"[{e.time:%d-%b-%Y %H:%M:%S}.250] <{e.level}> ({e.pid}) {e.component}: {e.text}",
    "logfmt": lambda e: f'time="{e.time:%Y-%m-%dT%H:%M:%S}Z" level={e.level.lower()} msg="{e.text}"',
    "prefixed": lambda e: (
        f"{e.host} | {e.time:%d.%m.%Y %H:%M:%S} {e.level} {e.component}: request={e.request} {e.text}"
    ),
}
"""How each form writes a message."""


def lines(form: str, count: int = 400, seed: int = 1) -> list[str]:
    """Return lines of one form, for so many messages."""
    return "\n".join(FORMS[form](event) for event in events(count, seed)).split("\n")
