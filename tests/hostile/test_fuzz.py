"""For so many seconds: any log, and any evaluation, is read or refused with one sentence.

LOGASSAY_FUZZ_SECONDS says for how many each; `make long` takes ten minutes.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from logassay import compare, judge, markdown, page
from logassay.acquire import RawLog
from logassay.catalogue import Texts
from logassay.errors import UserError
from logassay.evaluate import SCHEMA_VERSION
from logassay.evaluation_file import read_evaluation
from logassay.files import BLANK, read_json, write_json, write_parquet
from logassay.line_format import LineFormat
from logassay.parse import ParseReport, parse
from logassay.report import reports
from tests.unit import test_bytes
from tests.unit.evaluations import document_1, document_2
from tests.unit.test_compare import evaluation
from tests.unit.test_formats import ENTRIES, text
from tests.unit.test_judge import settings as study

SECONDS = float(os.environ.get("LOGASSAY_FUZZ_SECONDS", "10"))
EXAMPLES = 40
WORDS = Texts("en", Path(__file__).resolve().parents[2] / "workflow/report/texts")


def for_a_while(test: Callable[[], None]) -> None:
    """Run a test of hypothesis with one seed after the other until the time is over."""
    end, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        seed(number)(test)()
        number += 1


def is_a_sentence(said: str) -> bool:
    """Whether a message is one that a person may be shown: one line, and nothing a terminal would act upon."""
    return said.isprintable() and said.endswith(".") and "Traceback" not in said


# What a byte or a piece of a valid file may become.
TOKENS = [
    *(b"\0", b"\xff", b"\r", b"\n\n", b"\x1b[2J", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\xff\xfe"),
    *(b"9" * 40, b"-1", b"1e999", b"99999999999999999999", b"NaN", b"0000-00-00", b"{" * 300, b"[" * 300, b'"' * 9),
    *(b"<script>", b"=1+1", b"${1}", b"(a+)+$", b"%n%s", b"a" * 3000, b" " * 3000, b"Feb 29 24:60:60", b"+99:99"),
]
CHANGES = ("flip", "cut", "insert", "repeat", "swap", "drop")


def changed(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """Change bytes here and there."""
    result = bytearray(data)
    for kind, place, other in changes:
        if not result:
            break
        begin, size = place % len(result), other % 40 + 1
        if kind == "flip":
            result[begin] ^= other % 255 + 1
        elif kind == "cut":
            del result[begin:]
        elif kind == "insert":
            result[begin:begin] = TOKENS[other % len(TOKENS)]
        elif kind == "repeat":
            result[begin:begin] = result[begin : begin + size] * (other % 9)
        elif kind == "swap":
            result[begin : begin + size] = result[begin : begin + size][::-1]
        else:
            del result[begin : begin + size]
    return bytes(result)


few_changes = st.lists(
    st.tuples(st.sampled_from(CHANGES), st.integers(0, 1 << 16), st.integers(0, 1 << 16)), max_size=6
)
FORMATS = {name: LineFormat.from_dict(name, entry) for name, entry in ENTRIES.items()}
LOGS = {name: text(name).encode() * 3 for name in FORMATS}
PARSED = ("lines", "messages", "rejects")
PACKERS = [*test_bytes.PACKERS, lambda data: test_bytes.zipped(test_bytes.tarred(data))]
NAMES = ["a.log", "a.gz", "a.xz", "a.bz2", "a.zst", "a.tar", "a.tgz", "a.zip"]


def parsed(folder: Path, log: RawLog, fmt: LineFormat, chunk_bytes: int) -> ParseReport | str:
    """Parse; or return what the user is told."""
    try:
        return parse(log, fmt, *(folder / f"{name}.parquet" for name in PARSED), chunk_bytes=chunk_bytes)
    except UserError as error:
        return str(error)


def test_any_log(tmp_path: Path) -> None:
    """A valid log of each format, or anything, changed here and there, packed, and changed again."""

    @given(
        name=st.sampled_from(sorted(FORMATS)),
        content=st.one_of(st.sampled_from(sorted(LOGS.values())), st.none(), st.none(), st.binary(max_size=300)),
        inside=few_changes,
        pack=st.sampled_from(PACKERS),
        outside=few_changes,
        file=st.sampled_from(NAMES),
        chunk_bytes=st.sampled_from([1, 50, 1 << 20]),
    )
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    def read(
        name: str,
        content: bytes | None,
        inside: list[tuple[str, int, int]],
        pack: Callable[[bytes], bytes],
        outside: list[tuple[str, int, int]],
        file: str,
        chunk_bytes: int,
    ) -> None:
        data = pack(changed(LOGS[name] if content is None else content, inside))
        (tmp_path / file).write_bytes(changed(data, outside) if pack is not bytes else data)
        report = parsed(tmp_path, RawLog((tmp_path / file,)), FORMATS[name], chunk_bytes)
        if isinstance(report, str):
            assert report.startswith(str(tmp_path / file))
            assert is_a_sentence(report)
        else:
            test_bytes.check_that_it_adds_up(tmp_path, report)

    for_a_while(read)


# What a value of an evaluation may become; texts are raw JSON.
ODD = [
    *("null", "true", "{}", "[]", "[[]]", '""', '"x"', "-1", "0", "1", "2", "0.5", "1.5", "-0.0", "1e-320", "1e308"),
    *("-1e308", "1e999", "NaN", "-Infinity", "9" * 18, "9" * 400, "1" + "0" * 5000, "[" * 5000, '{"a":' * 5000),
    *('"<script>alert(1)</script>"', '"=1+1"', '"a\\nb|c`d"', '"\\ud800"', '"\\u0000"', '"\\u202e"', '"../../../../x"'),
    *(
        '"labelled"',
        '"pseudo"',
        '"prevalence"',
        '"flag-all"',
        '"deeplog"',
        '"quantile"',
        '{"tp": 1}',
        "[0, 1]",
        "[1, 0]",
    ),
]
EVALUATIONS = [
    evaluation(),
    evaluation(epoch=2),
    evaluation(protocol="pseudo"),
    evaluation(model="flag-all"),
    *(one | {"made_from": {}, "schema_version": SCHEMA_VERSION} for one in (*document_1(), *document_2())),
]
MODELS = {name: {"epochs": None} for name in ("deeplog", "logbert", "loganomaly")} | {"flag-all": {"epochs": 1}}
SEAL = b'"sha256": "'


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return all places of a JSON value that may be changed: a container and a key or index in it."""
    inside = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [(value, key) for key, _ in inside] + [place for _, each in inside for place in places(each)]


def turned(one: dict[str, Any], changes: list[tuple[str, int, int]]) -> bytes:
    """Change values of an evaluation, and return it as sealed JSON."""
    one = deepcopy(one)
    raw: dict[str, str] = {}
    for kind, place, other in changes:
        known = places(one)
        (container, key), (another, key_there) = known[place % len(known)], known[other % len(known)]
        value = container[key]
        if kind == "drop":
            del container[key]
        elif kind == "swap":
            container[key] = deepcopy(another[key_there])
        elif kind == "repeat" and isinstance(container, list):
            container.insert(key, deepcopy(value))
        elif kind in ("flip", "cut") and type(value) in (int, float):
            container[key] = [0, 1, value + 1, value * 1000, -value, value // 3, value / 7, 0.999][other % 8]
        else:
            mark = f"%{len(raw)}%"
            raw[f'"{mark}"'] = ODD[other % len(ODD)]
            container[key] = mark
    text = json.dumps({**one, "sha256": BLANK}, indent=1)
    for mark, odd in raw.items():
        text = text.replace(mark, odd)
    return text.encode()


def sealed(data: bytes) -> bytes:
    """Put the right digest in its place, if there is one."""
    place = data.rfind(SEAL) + len(SEAL)
    if place < len(SEAL):
        return data
    digest = hashlib.sha256(data[:place] + data[place + len(BLANK) :]).hexdigest()
    return data[:place] + digest.encode() + data[place + len(BLANK) :]


def everything_made_of(paths: list[Path], folder: Path, *, drawn: bool) -> None:
    """Do with evaluations what the workflow does, from the table of a run to the reports."""
    write_parquet(compare.summarise(paths), folder / "epochs.parquet")
    frame = compare.combine([folder / "epochs.parquet"])
    compare.markdown(frame, "s", "train", {})
    compare.write_csv(frame, folder / "comparison.csv")
    evaluations = [read_evaluation(path) for path in paths]
    verdicts = judge.judge(evaluations, study(models=MODELS, targets={"f1": 0.55, "recall": 0.5}))
    write_json(folder / "verdicts.json", verdicts)
    for document in reports(read_json(folder / "verdicts.json"), WORDS):
        markdown.render(document)
        if drawn:
            page.render(document, WORDS, "library")
    if drawn:
        files = {name: folder / f"comparison.{name}" for name in ("parquet", "csv")} | {"costs": folder / "costs.csv"}
        compare.compare(
            [folder / "epochs.parquet"],
            study="s",
            templates_fit_on="train",
            **files,
            markdown_path=folder / "comparison.md",
            figures_directory=folder,
            learning_curve=folder / "curve.png",
        )


def test_any_evaluation(tmp_path: Path) -> None:
    """One of several evaluations changed in its values, or its bytes, with a right seal or without one."""
    paths = [tmp_path / f"{number}.json" for number in range(len(EVALUATIONS))]
    tried = 0

    @given(
        chosen=st.integers(0, len(paths) - 1),
        values=few_changes,
        with_bytes=st.one_of(st.just([]), few_changes),
        right=st.sampled_from([True, True, True, False]),
    )
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def read(
        chosen: int, values: list[tuple[str, int, int]], with_bytes: list[tuple[str, int, int]], right: bool
    ) -> None:
        nonlocal tried
        tried += 1
        data = changed(turned(EVALUATIONS[chosen], values), with_bytes)
        paths[chosen].write_bytes(sealed(data) if right else data)
        said = None
        try:
            everything_made_of(paths, tmp_path, drawn=tried % 50 == 0)
        except UserError as error:
            said = str(error)
        finally:
            write_json(paths[chosen], EVALUATIONS[chosen])
        if said is not None:
            assert said.startswith(str(paths[chosen]))
            assert is_a_sentence(said)

    for path, one in zip(paths, EVALUATIONS, strict=True):
        write_json(path, one)
    for_a_while(read)
