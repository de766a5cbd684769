"""What is proposed for a log: its format, session key or windows, labels and sizes, and how that is written down."""

import copy
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from logassay import compose_format, describe, propose_study, settings
from logassay.errors import UserError
from logassay.line_format import LineFormat
from logassay.study_file import render
from tests.logs import FORMS, lines

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def merged(base: Any, changes: Any) -> Any:
    """Lay `changes` over `base`, as Snakemake does with configuration files."""
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return copy.deepcopy(changes)
    return {
        key: merged(base[key], changes[key])
        if key in base and key in changes
        else copy.deepcopy((changes if key in changes else base)[key])
        for key in {**base, **changes}
    }


def configuration() -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name in ("config.yaml", "formats.yaml", "datasets.yaml", "models.yaml"):
        config = merged(config, yaml.safe_load((ROOT / "config" / name).read_text()))
    return config


CONFIG = configuration()


def proposed(log: Path, text: str | bytes, labels: Path | None = None) -> propose_study.Proposal:
    """Write a log, look at it, and check what is proposed against the schema."""
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    sample = describe.take([log], str(log))
    proposal = propose_study.propose(sample, CONFIG, "own", str(log), labels, "snakemake")
    config = merged(CONFIG, proposal.study)
    settings.validate(config, SCHEMA)
    entry = config["formats"][config["datasets"]["own"]["format"]]
    LineFormat.from_dict("own", {key: value for key, value in entry.items() if value is not None})
    return proposal


def chosen_format(proposal: propose_study.Proposal) -> str:
    """Name of the format, or `own` for one that the study brings."""
    return str(proposal.study["datasets"]["own"]["format"])


def entry_of(proposal: propose_study.Proposal) -> dict[str, Any]:
    entry: dict[str, Any] = merged(CONFIG, proposal.study)["formats"][chosen_format(proposal)]
    return entry


# The format that reads each form, and what ties its lines to sessions; None where there are windows instead.
EXPECTED: dict[str, tuple[str, dict[str, str] | None]] = {
    "hdfs": ("hdfs", None),
    "bgl": ("bgl", None),
    "thunderbird": ("thunderbird", None),
    "openstack": ("openstack", None),
    "hadoop": ("log4j", None),  # nothing but the file's name or an application's would speak for Hadoop
    "spark": ("spark", None),
    "zookeeper": ("zookeeper", None),
    "hpc": ("hpc", {"group": "logid"}),
    "windows": ("windows", None),
    "android": ("android", {"group": "tid"}),
    "apache": ("apache", None),
    "openssh": ("openssh", {"group": "pid"}),
    "proxifier": ("proxifier", None),
    "healthapp": ("healthapp", None),
    "syslog-rfc3164": ("syslog-rfc3164", {"group": "pid"}),
    "syslog-iso": ("syslog-iso", {"group": "pid"}),
    "syslog-rfc5424": ("syslog-rfc5424", {"group": "pid"}),
    "json-lines": ("json-lines", {"group": "request"}),
    "docker": ("docker", None),
    "kubernetes": ("kubernetes", None),
    "journald": ("journald", {"group": "pid"}),
    "log4j": ("log4j", None),
    "python-logging": ("python-logging", None),
    "access-log": ("access-log", {"group": "client"}),
    "nginx-error": ("nginx-error", {"group": "connection"}),
    "plain": ("plain", None),
    "fields-of-its-own": ("", {"group": "trace_id"}),
    "brackets": ("", {"group": "thread"}),
    "logfmt": ("", None),
    "prefixed": ("", {"pattern": r"\b[0-9a-f]{16,64}\b"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_format_and_what_ties_lines_together_are_found(tmp_path: Path, form: str) -> None:
    proposal = proposed(tmp_path / "app.txt", "\n".join(lines(form, 1200)) + "\n")
    wanted, key = EXPECTED[form]
    named = chosen_format(proposal)
    if named != "own":
        assert named == wanted
    elif wanted:
        # The known format, with a session key of this log.
        known = CONFIG["formats"][wanted]
        same = {part for part in ("header", "loghub", "plain", "timestamp", "masks") if part in known}
        assert {part: entry_of(proposal)[part] for part in same} == {part: known[part] for part in same}
    else:
        assert "header" in entry_of(proposal) or "json" in entry_of(proposal)
    grouping = merged(CONFIG, proposal.study)["groupings"][proposal.study["study"]["groupings"][0]]
    if key is None:
        assert grouping["by"] == "window"
    else:
        assert grouping["by"] == "session"
        assert entry_of(proposal)["session_key"] == key
    assert "all 1,200 lines" in proposal.head[2] or form == "journald"


@pytest.mark.parametrize("form", ["plain", "json-lines", "brackets"])
def test_without_labels_nothing_needs_them(tmp_path: Path, form: str) -> None:
    study = proposed(tmp_path / "app.txt", "\n".join(lines(form, 600)) + "\n").study
    assert study["study"]["protocols"] == ["pseudo"]
    assert study["evaluation"]["threshold"]["strategy"] == "quantile"


@pytest.mark.parametrize("form", ["bgl", "thunderbird"])
def test_labels_in_the_lines_are_used(tmp_path: Path, form: str) -> None:
    proposal = proposed(tmp_path / "app.txt", "\n".join(lines(form, 3000)) + "\n")
    assert proposal.study["study"]["protocols"] == ["labelled", "pseudo"]


@pytest.mark.parametrize("count", [200, 230, 900, 1500, 12_000])
def test_sizes_fit_logs_of_any_length(tmp_path: Path, count: int) -> None:
    """What is asked for is there: the parts, worked out by hand from the windows."""
    study = proposed(tmp_path / "app.txt", "\n".join(lines("spark", count)) + "\n").study
    config = merged(CONFIG, study)
    window = config["groupings"][study["study"]["groupings"][0]]
    stride = window.get("stride", window["length"])
    windows = 1 + -(-max(0, count - window["length"]) // stride)
    shares = config["splits"][study["study"]["splits"][0]]
    gap = -(-window["length"] // stride)
    borders = [round(windows * share) for share in (shares["train"], shares["train"] + shares["validation"])]
    assert study["study"]["sample_sizes"][0] <= borders[0]
    assert study["study"]["sample_sizes"][0] >= 0.9 * min(4000, borders[0])
    assert 10 <= study["evaluation"]["pseudo"]["sessions"] <= borders[1] - borders[0] - gap - 20


def test_a_log_too_short_to_split_says_how_long_it_must_be(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="100 of its 100 lines begin a message, and at least 200 must"):
        proposed(tmp_path / "app.txt", "\n".join(lines("spark", 100)))


def test_stack_traces_are_accounted_for(tmp_path: Path) -> None:
    text = ["left over from the line before"]
    for row, line in enumerate(lines("log4j", 600)):
        text.append(line)
        if row % 3 == 0:
            text += ["java.io.IOException: disk is full", "\tat com.example.A.b(A.java:17)", "Caused by: x.Error: y"]
    proposal = proposed(tmp_path / "app.txt", "\n".join(text))
    assert chosen_format(proposal) == "log4j"
    said = "all 1,201 lines: 600 begin a message, 600 go on with the message before them, 1 cannot be used"
    assert said in proposal.head[2]
    assert "(1 no-header-before)" in proposal.head[2]


def test_a_year_that_is_missing_is_said_and_inferred(tmp_path: Path) -> None:
    text = "\n".join(f"+++ {line}" for line in lines("openssh", 500))
    proposal = proposed(tmp_path / "app.txt", text)
    entry = entry_of(proposal)
    assert entry["timestamp"] == {"text": "{time}", "format": "%b %d %H:%M:%S", "year": "infer"}
    assert any("The log has no years" in text for text in proposal.before["formats.own"])


# How times are written, and what they say.
TIMES = {
    "2024-01-02T03:04:05.123Z x": "2024-01-02 03:04:05.123",
    "2024-01-02 03:04:05,123 x": "2024-01-02 03:04:05.123",
    "2024-01-02 03:04:05,12 x": "2024-01-02 03:04:05.12",
    "2024-01-02T03:04:05+01:00 x": "2024-01-02 02:04:05",
    "2024-01-02 03:04:05 -0230 x": "2024-01-02 05:34:05",
    "2024/01/02 03:04:05 x": "2024-01-02 03:04:05",
    "17/06/09 20:10:40 x": "2017-06-09 20:10:40",
    "20171223-22:15:29:606|x": "2017-12-23 22:15:29.606",
    "081109 203615 x": "2008-11-09 20:36:15",
    "02/Jan/2024:03:04:05 +0000] x": "2024-01-02 03:04:05",
    "Sun Dec 04 04:47:44 2005] x": "2005-12-04 04:47:44",
    "Mon, 02 Jan 2024 03:04:05 GMT x": "2024-01-02 03:04:05",
    "31.12.2024 03:04:05 x": "2024-12-31 03:04:05",
    "2005-06-03-15.42.50.675872 x": "2005-06-03 15:42:50.675872",
    "1117838570 x": "2005-06-03 22:42:50",
    "1117838570.5 x": "2005-06-03 22:42:50.5",
    "1117838570123 x": "2005-06-03 22:42:50.123",
    "Jan  2 03:04:05 x": "2000-01-02 03:04:05",
    "03-17 16:13:38.811 x": "2000-03-17 16:13:38.811",
}


@pytest.mark.parametrize(("text", "wanted"), TIMES.items())
def test_forms_of_time_are_recognised(text: str, wanted: str) -> None:
    found = compose_format.read_time(text)
    assert found is not None
    form, end = found
    assert text[end] in " ]|"
    year = {} if form.year else {"year": "infer"}
    entry = {
        "header": f"^{form.pattern}(?P<content>.*)$",
        "timestamp": {"text": "{time}", "format": form.format} | year,
    }
    fmt = LineFormat.from_dict("own", entry)
    time = fmt.time(fmt.fields(pl.Series([text])))
    assert time.to_list() == pl.Series([wanted]).str.to_datetime(time_unit="us").to_list()


@pytest.mark.parametrize("text", ["", "x 2024-01-02 03:04:05", "12345 1", "2024-01-02", "10.1.2.3 x", "12:30:45 x"])
def test_other_things_are_no_times(text: str) -> None:
    assert compose_format.read_time(text) is None


def test_a_column_of_alerts_is_found(tmp_path: Path) -> None:
    text = [f"{'FAIL' if 'gave up' in line else '-'} {line}" for line in lines("brackets", 2000)]
    proposal = proposed(tmp_path / "app.txt", "\n".join(text))
    assert entry_of(proposal)["alert"] == {"group": "alert", "normal": "-"}
    assert "labelled" in proposal.study["study"]["protocols"]


# Session keys


def keys(column: list[list[str]]) -> describe.Keys | None:
    """Measure the keys of lines, as words of the content."""
    fields = pl.DataFrame({"content": [" ".join(words) for words in column]})
    found = describe.candidates(
        fields, LineFormat.from_dict("own", {"plain": True, "session_key": {"pattern": "k[0-9]+"}}), []
    )
    return next((each for each in found if each.own), None)


def test_keys_are_measured() -> None:
    # 200 keys with 3 lines each, one after the other; every tenth line has none.
    found = keys([[] if row % 10 == 9 else [f"k{row // 10 * 3 + row % 10 // 3}"] for row in range(2000)])
    assert found is not None
    assert (found.keys, found.covered, found.lines) == (600, 0.9, 3)
    assert found.largest == 3 / 1800
    assert found.spread == 2 / 2000
    assert found.fresh == 1
    assert found.against == ""


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ([[f"k{row}"] for row in range(1000)], "most have a single line"),
        ([[f"k{row % 5}"] for row in range(1000)], "there are only 5"),
        ([[f"k{row % 200}"] if row < 400 else [] for row in range(1000)], "only 40 % of the lines have one"),
        ([[f"k{row % 200}"] for row in range(1000)], "their lines are spread over the whole log"),
        ([["k0"] if row % 2 else [f"k{row // 4}"] for row in range(1000)], "one of them has 50.2 % of the lines"),
    ],
)
def test_keys_that_make_no_sessions_are_turned_down(column: list[list[str]], why: str) -> None:
    found = keys(column)
    assert found is not None
    assert found.against == why


# Labels


def sessions_log(count: int = 1500) -> tuple[str, list[str]]:
    text = lines("prefixed", count)
    names = list(dict.fromkeys(line.split("request=")[1].split(" ")[0] for line in text))
    return "\n".join(text), names


def test_labels_beside_the_log_are_used(tmp_path: Path) -> None:
    text, names = sessions_log()
    table = "".join(f"{name},{'Anomaly' if row % 9 == 0 else 'Normal'}\n" for row, name in enumerate(names))
    (tmp_path / "anomaly_label.csv").write_text("BlockId,Label\n" + table)
    proposal = proposed(tmp_path / "app.log", text)
    assert proposal.study["datasets"]["own"]["labels"] == {
        "file": str(tmp_path / "anomaly_label.csv"),
        "key": "BlockId",
        "label": "Label",
        "normal": "Normal",
        "anomalous": "Anomaly",
    }
    assert proposal.study["study"]["protocols"] == ["labelled", "pseudo"]
    assert proposal.study["study"]["groupings"] == ["session"]


def test_labels_that_were_named_may_have_other_columns(tmp_path: Path) -> None:
    text, names = sessions_log()
    table = "".join(f"{row},{name},{int(row % 9 == 0)}\n" for row, name in enumerate(names))
    (tmp_path / "truth.csv").write_text("row,request,bad\n" + table)
    proposal = proposed(tmp_path / "app.log", text, tmp_path / "truth.csv")
    assert proposal.study["datasets"]["own"]["labels"] == {
        "file": str(tmp_path / "truth.csv"),
        "key": "request",
        "label": "bad",
        "normal": "0",
        "anomalous": "1",
    }


def test_labels_of_another_log_are_turned_down(tmp_path: Path) -> None:
    text, _ = sessions_log()
    (tmp_path / "truth.csv").write_text("BlockId,Label\nblk_1,Normal\nblk_2,Anomaly\n")
    with pytest.raises(UserError, match="holds session keys of this log"):
        proposed(tmp_path / "app.log", text, tmp_path / "truth.csv")
    with pytest.raises(UserError, match="There is no label file"):
        proposed(tmp_path / "app.log", text, tmp_path / "none.csv")
    (tmp_path / "truth.csv").rename(tmp_path / "labels.csv")
    assert proposed(tmp_path / "app.log", text).study["study"]["protocols"] == ["pseudo"]


def test_a_file_beside_the_log_that_holds_no_labels_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"")
    (tmp_path / "incidents.csv").write_text("a,b\n1,2\n")
    proposal = proposed(tmp_path / "app.txt", "\n".join(lines("bgl", 3000)))
    assert "labels" not in proposal.study["datasets"]["own"]
    assert proposal.study["study"]["protocols"] == ["labelled", "pseudo"]


def test_incidents_label_the_lines_of_their_time(tmp_path: Path) -> None:
    text = lines("python-logging", 3000)
    spans = "".join(f"{text[row][:19]},{text[row + 40][:19]}\n" for row in range(150, 3000, 300))
    (tmp_path / "incidents.csv").write_text("Start,End\n" + spans)
    proposal = proposed(tmp_path / "app.log", "\n".join(text))
    labels = {"intervals": str(tmp_path / "incidents.csv"), "start": "Start", "end": "End"}
    assert proposal.study["datasets"]["own"]["labels"] == labels
    assert "labelled" in proposal.study["study"]["protocols"]


# The sample


@pytest.mark.parametrize(("data", "count"), [(b"a\nb\n", 2), (b"a\nb", 2), (b"a\r\n\r\nb\r\n", 3), (b"a", 1)])
def test_lines_are_counted(tmp_path: Path, data: bytes, count: int) -> None:
    (tmp_path / "a.log").write_bytes(data)
    sample = describe.take([tmp_path / "a.log"], "a.log")
    assert (sample.lines, sample.total, sample.whole, sample.counted) == (count, count, True, True)
    assert len(describe.lines_of(sample.data)) == count


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize(("limit", "value"), [("SAMPLE_LINES", 30), ("SAMPLE_BYTES", 300)])
def test_a_long_log_is_counted_beyond_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, end: bytes
) -> None:
    monkeypatch.setattr(describe, limit, value)
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"\n".join([b"%08d" % row for row in range(500)]) + end))
    sample = describe.take([tmp_path / "a.log.gz"], "a")
    assert sample.total == 500
    assert sample.counted
    assert not sample.whole
    assert sample.lines == (30 if limit == "SAMPLE_LINES" else 33)
    assert sample.data == b"".join(b"%08d\n" % row for row in range(sample.lines))


def test_a_log_too_long_to_count_is_estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe, "SAMPLE_BYTES", 900)
    monkeypatch.setattr(describe, "COUNT_BYTES", 1 << 20)
    (tmp_path / "a.log").write_bytes(b"%08d\n" * 400_000)
    sample = describe.take([tmp_path / "a.log"], "a")
    assert not sample.counted
    assert 390_000 < sample.total < 410_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n \n\n", "nothing but blanks"),
        (bytes(range(256)) * 20, "binary data"),
    ],
)
def test_what_is_no_log_is_said(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.log").write_bytes(data)
    with pytest.raises(UserError, match=said):
        describe.take([tmp_path / "a.log"], "a.log")


def test_a_file_without_newlines_is_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe, "SAMPLE_BYTES", 1 << 20)
    (tmp_path / "a.log").write_bytes(b"x" * (3 << 20))
    with pytest.raises(UserError, match="no newline in its first 1 MiB"):
        describe.take([tmp_path / "a.log"], "a.log")


# The file


HOSTILE = (
    "\u2028study: {name: taken}",
    "\x85study: {name: taken}",
    "\x1b[2J\x07 \x00",
    "# ' \" {a: &b *c} !!python/object:os.system [",
    "\u202eevil \ufeff \ud7ff \U000e0001",
)


def test_text_of_a_log_cannot_leave_its_comment(tmp_path: Path) -> None:
    text = "\n".join(lines("plain", 300) + [f"{said} {row}" for said in HOSTILE for row in range(200)])
    proposal = proposed(tmp_path / "app.log", text)
    written = render(proposal.study, proposal.head, proposal.before, proposal.after)
    assert yaml.safe_load(written) == proposal.study
    assert all(character.isprintable() or character == "\n" for character in written)
    assert "evil" in written or "taken" in written


def test_newlines_inside_json_cannot_either(tmp_path: Path) -> None:
    objects = [
        {
            "time": f"2026-01-01T00:{row // 60:02}:{row % 60:02}Z",
            "msg": "a\nstudy:\n  name: taken\r\n",
            "study: x\n#": "y\nz",
        }
        for row in range(900)
    ]
    proposal = proposed(tmp_path / "app.log", "\n".join(json.dumps(each) for each in objects))
    assert entry_of(proposal)["json"]["content"] == "msg"
    written = render(proposal.study, proposal.head, proposal.before, proposal.after)
    assert yaml.safe_load(written) == proposal.study
    assert "\n  name: taken" not in written
    assert "study:\\n" in written


def test_comments_and_alternatives_stand_at_their_keys() -> None:
    study: dict[str, Any] = {
        "study": {"name": "a", "models": ["x", "y"]},
        "formats": {"f": {"masks": [{"pattern": "#: '"}, {"pattern": "b"}]}},
    }
    before = {"study.name": ["Why\nstudy: b"], "formats.f.masks.1": ["Second."]}
    written = render(
        study, ["Head", "     command"], before, {"study.models": ["models: [z]"], "formats.f": ["plain: true"]}
    )
    assert written == (
        "# Head\n#     command\nstudy:\n  # Why\\nstudy: b\n  name: a\n  models: [x, y]\n  # models: [z]\n\n"
        "formats:\n  f:\n    masks:\n      - {pattern: '#: '''}\n      # Second.\n      - {pattern: b}\n"
        "    # plain: true\n"
    )


@pytest.mark.parametrize("form", ["bgl", "openssh", "fields-of-its-own", "brackets", "plain"])
def test_every_alternative_can_be_taken(tmp_path: Path, form: str) -> None:
    proposal = proposed(tmp_path / "app.log", "\n".join(lines(form, 1200)))
    (tmp_path / "labels.csv").write_text("")
    for path, alternatives in proposal.after.items():
        for text in alternatives:
            (key, value), *_ = yaml.safe_load(text.replace("labels.csv", str(tmp_path / "labels.csv"))).items()
            *parents, last = path.split(".")
            place = [*parents, key] if key == last else [*parents, last, key]
            changes: Any = value
            for name in reversed(place):
                changes = {name: changes}
            # What replaces a key leaves nothing of it.
            study = copy.deepcopy(proposal.study)
            inner: Any = study
            for name in place[:-1]:
                inner = inner[name]
            inner.pop(key, None)
            config = merged(CONFIG, merged(study, changes))
            settings.validate(config, SCHEMA)
            named = config["datasets"]["own"]["format"]
            LineFormat.from_dict(named, {k: v for k, v in config["formats"][named].items() if v is not None})


def test_names_are_taken_from_the_file(tmp_path: Path) -> None:
    assert propose_study.study_name(Path("/logs/My App (2).log.gz"), CONFIG) == "my-app-2"
    assert propose_study.study_name(Path("HDFS.log"), CONFIG) == "my-hdfs"
    assert propose_study.study_name(Path("default"), CONFIG) == "my-default"
    assert propose_study.study_name(Path("日誌.log"), CONFIG) == "log"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/describe_log.py"), *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_program_writes_once(tmp_path: Path) -> None:
    (tmp_path / "it's a.log").write_text("\n".join(lines("spark", 400)) + "\n")
    done = run(tmp_path, "--input", "it's a.log", "--output", "x.yaml")
    assert done.returncode == 0, done.stderr
    assert "--configfile x.yaml" in done.stdout
    written = (tmp_path / "x.yaml").read_text()
    assert yaml.safe_load(written)["datasets"]["it-s-a"]["source"] == {"file": "it's a.log"}
    again = run(tmp_path, "--input", "it's a.log", "--output", "x.yaml")
    assert again.returncode == 2
    assert "x.yaml exists already" in again.stderr
    assert run(tmp_path, "--input", "it's a.log", "--output", "x.yaml", "--force").returncode == 0
    assert (tmp_path / "x.yaml").read_text() == written


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--input", ""), "No log is named"),
        (("--input", "none.log"), "none.log"),
        (("--input", "."), "is a folder"),
        (("--input", "a.log", "--name", "A b"), "The name 'A b'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    (tmp_path / "a.log").write_text("\n".join(lines("spark", 300)))
    done = run(tmp_path, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


PIECES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([line.encode() for form in sorted(FORMS) for line in lines(form, 2)]),
    st.sampled_from(
        [
            b"{",
            b'{"msg": 1}',
            b'{"a": "\\u0000"}',
            b"\xff\xfe",
            b"- ",
            b"\tat x.y(Z.java)",
            b"MESSAGE=x",
            b"2026-02-30 25:61:00 x",
        ]
    ),
)


@given(st.lists(PIECES, min_size=1, max_size=12))
@hypothesis.settings(max_examples=12, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
def test_whatever_a_log_holds_it_is_described_or_turned_down(pieces: list[bytes]) -> None:
    """Never a traceback; what is proposed can be read, and all lines of the sample are accounted for."""
    text = b"\n".join(pieces * (250 // len(pieces) + 1))
    with TemporaryDirectory() as folder:
        log = Path(folder) / "app.log"
        try:
            proposal = proposed(log, text)
        except UserError:
            return
        written = render(proposal.study, proposal.head, proposal.before, proposal.after)
        assert yaml.safe_load(written) == proposal.study
        numbers = [int(number.replace(",", "")) for number in re.findall("[0-9][0-9,]*", proposal.head[2])]
        assert numbers[0] == sum(numbers[1:4])
        assert numbers[0] == len(text.removesuffix(b"\n").split(b"\n"))
