"""The benchmark of the stages: its arithmetic, its logs, its checks, and a small run from end to end."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from logassay import bench_stages
from logassay.bench_peers import python_masks
from logassay.bench_stages import PARSE, REPEAT, SEQUENCES, TABLE, WITH_DRAIN, Measured
from logassay.errors import UserError
from logassay.line_format import LineFormat

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "bench_stages.py"
FORMATS = ROOT / "config" / "formats.yaml"


def measured(lines: int, seconds: list[float], start: float = 0.5, peak: float = 100.0) -> Measured:
    result = Measured(lines)
    for each in seconds:
        result.add(each, each - start, 2 * each, peak)
    return result


def measurements() -> dict[str, Measured]:
    result = {name: measured(1000, [2.0, 2.0, 2.0]) for name in TABLE}
    result[WITH_DRAIN] = measured(1000, [1.0, 2.0, 4.0], start=0.5)
    result["drain3"] = measured(1000, [10.0, 10.0, 10.0], start=1.0)
    result["logparser"] = measured(100, [20.0, 20.0, 20.0], start=0.0)
    result[SEQUENCES] = measured(1000, [0.5, 0.5, 0.5], start=0.5)
    return result


def test_ratios_are_taken_repeat_by_repeat_and_per_line() -> None:
    rows = {row["name"]: row for row in bench_stages.rows(measurements(), {})}
    drain3 = rows["drain3, line by line"]
    assert drain3["compared_with"] == "LogAssay: parse + Drain"
    assert drain3["times_faster"] == {"median": 5.0, "least": 2.5, "most": 10.0, "repeats": [10.0, 5.0, 2.5]}
    assert drain3["times_faster_without_start"]["repeats"] == pytest.approx([9 / 0.5, 9 / 1.5, 9 / 3.5])
    # logparser3 took 20 s for a tenth of the lines.
    assert rows["logparser3's Drain"]["times_faster"]["repeats"] == [200.0, 100.0, 50.0]
    ours = rows["LogAssay: parse + Drain"]
    assert ours["lines_per_second"] == 500.0
    assert ours["lines_per_second_without_start"] == pytest.approx(1000 / 1.5)
    assert "times_faster" not in ours


def test_work_too_short_to_be_told_from_the_start_has_no_rate() -> None:
    rows = {row["name"]: row for row in bench_stages.rows(measurements(), {})}
    assert rows["LogAssay: sequences"]["lines_per_second_without_start"] is None
    assert rows["pandas groupby"]["times_faster"]["median"] == 4.0
    assert rows["pandas groupby"]["times_faster_without_start"] is None
    json.dumps(list(rows.values()), allow_nan=False)


def test_rows_stand_in_the_order_of_the_table_and_say_what_is_missing() -> None:
    found = measurements()
    del found["logparser"]
    rows = bench_stages.rows(found, {"logparser": "not installed"})
    assert [row["name"] for row in rows][2:5] == ["LogAssay: parse", "LogAssay: parse + Drain", "drain3, line by line"]
    assert len(rows) == len(TABLE)
    cells = bench_stages.table(rows)
    assert {len(row) for row in cells} == {len(bench_stages.HEADINGS)}
    assert cells[5][:2] == ["logparser3's Drain", "not installed"]
    assert cells[4][:6] == ["drain3, line by line", "1,000", "10.00", "0.1 k", "0.1 k", "100"]
    assert cells[4][6:] == ["5.0 (2.5 to 10.0)", "6.0 (2.6 to 18.0)"]


def test_every_row_is_measured_in_each_repeat() -> None:
    assert {*REPEAT, WITH_DRAIN} - {"distinct"} == set(TABLE)
    assert REPEAT.index(PARSE) < REPEAT.index("distinct") < REPEAT.index(SEQUENCES) < REPEAT.index("pandas")


def test_mining_is_added_without_its_start() -> None:
    mining = measured(1000, [0.8, 0.9], start=0.6, peak=300.0)
    both = bench_stages.together(measured(1000, [2.0, 3.0]), mining)
    assert both.seconds == pytest.approx([2.2, 3.3])
    assert both.work_seconds == pytest.approx([1.7, 2.8])
    assert both.peak_mb == [300.0, 300.0]


@pytest.mark.parametrize(
    ("rate", "text"), [(None, "-"), (940.0, "0.9 k"), (9_940.0, "9.9 k"), (1_234_567.0, "1,235 k")]
)
def test_rates_for_people(rate: float | None, text: str) -> None:
    assert bench_stages.rate_text(rate) == text


def test_ratios_for_people() -> None:
    assert bench_stages.factor_text(bench_stages.spread([0.333, 0.25, 0.5])) == "0.33 (0.25 to 0.50)"
    assert bench_stages.factor_text(bench_stages.spread([12.34])) == "12.3"
    assert bench_stages.factor_text(None) == ""


def test_a_busy_machine_is_told() -> None:
    about = {"date": "2026-01-02", "threads": 2, "repeats": 3, "versions": {"polars": "2.1", "logparser3": None}}
    about["machine"] = {"cpu": "Fast", "cores": 4, "memory_gb": 15.6, "system": "Linux"}
    quiet = bench_stages.about_text(about | {"load_before": 1.9})
    assert quiet == "2026-01-02, Fast, 4 cores, 16 GB; 2 threads, 3 repeats; polars 2.1."
    assert "busy (load 2.1)" in bench_stages.about_text(about | {"load_before": 2.1})


@pytest.mark.parametrize(
    ("second", "same"),
    [([7, 7, 1, 7], True), ([1, 1, 1, 1], False), ([1, 2, 3, 1], False), ([7, 7, 1], False), ([0, 1, 1, 0], False)],
)
def test_partitions_are_compared_whatever_the_numbers(second: list[int], same: bool) -> None:
    first = np.array([0, 0, 5, 0], dtype=np.int32)
    assert bench_stages.same_partition(first, np.array(second, dtype=np.int32)) is same


def test_drain3_loses_messages_of_placeholders() -> None:
    from drain3.drain import Drain

    for message, lost in (
        ("a=<*> <*> <*> <*>", True),
        ("generating <*>", False),
        ("<*> b <*> d <*>", False),
        ("<*> b <*>", True),
    ):
        drain = Drain(sim_th=0.4)
        numbers = [drain.add_log_message(message)[0].cluster_id for _ in range(2)]
        assert (numbers[0] != numbers[1]) is lost is bench_stages.is_lost(message, 0.4)


def write_grouping(folder: Path, drain3: list[int]) -> None:
    pl.DataFrame({"message_id": [0, 1, 0, 2]}).write_parquet(folder / "lines.parquet")
    pl.DataFrame({"message": ["open a", "open b", "shut down"]}).write_parquet(folder / "messages.parquet")
    np.save(folder / "distinct.npy", np.array([1, 1, 2], dtype=np.int32))
    np.save(folder / "drain3.npy", np.array(drain3, dtype=np.int32))


def test_a_line_that_is_grouped_otherwise_is_an_error(tmp_path: Path) -> None:
    write_grouping(tmp_path, [4, 4, 4, 9])
    found = bench_stages.check_grouping(tmp_path)
    assert found["lines_grouped_as_by_drain3"] == 4
    assert (found["distinct_messages"], found["templates"]) == (3, 2)
    for wrong in ([4, 4, 4, 4], [4, 9, 4, 9], [4, 4, 4]):
        write_grouping(tmp_path, wrong)
        with pytest.raises(RuntimeError, match="do not group the lines alike"):
            bench_stages.check_grouping(tmp_path)


def test_a_session_that_differs_is_an_error(tmp_path: Path) -> None:
    columns = {"id": ["a", "b"], "start": [1, 2], "end": [1, 2], "first_line": [1, 2], "message_ids": [[1], [1, 2]]}
    sessions = pl.DataFrame({**columns, "gaps": [[0.0], [0.0, 1.5]]})
    sessions.write_parquet(tmp_path / "sequences.parquet")
    sessions.reverse().write_parquet(tmp_path / "pandas.parquet")
    assert bench_stages.check_sessions(tmp_path) == {"sessions_as_by_pandas": 2}
    sessions.with_columns(gaps=pl.Series([[0.0], [0.0, 1.0]])).write_parquet(tmp_path / "pandas.parquet")
    with pytest.raises(RuntimeError, match="not the same"):
        bench_stages.check_sessions(tmp_path)


def test_masks_are_translated_to_python() -> None:
    masks = [{"pattern": "([a-z])=[0-9]+", "replacement": "${1}=<*>"}, {"pattern": "x", "replacement": "\\$0"}]
    entry = yaml.safe_load(FORMATS.read_text())["formats"]["hdfs"] | {"masks": masks}
    fmt = LineFormat.from_dict("hdfs", entry)
    text = "a=12 b=x"
    for pattern, replacement in python_masks(fmt):
        text = pattern.sub(replacement, text)
    assert text == fmt.message(pl.DataFrame({"content": ["a=12 b=x"]})).item()


@pytest.mark.parametrize(
    ("text", "form"),
    [("blk_-123", r"blk_-?\d+"), ("0x00ff1234", "0x[0-9a-f]{8}"), ("0000a5ff", "[0-9a-f]{8}"), ("4711", r"[1-9]\d{3}")],
)
def test_ids_and_numbers_are_redrawn_in_their_form(text: str, form: str) -> None:
    rng = random.Random(1)
    drawn = {bench_stages.redraw(text, rng) for _ in range(50)}
    assert len(drawn) > 40
    assert all(re.fullmatch(form, each) for each in drawn)


def test_a_sample_is_tiled_with_fresh_numbers(tmp_path: Path) -> None:
    sample, header = tmp_path / "sample.log", re.compile(r"^- [0-9.]+ A: (?P<content>.*)$")
    sample.write_text("- 01.123456 A: read blk_12 of 4096 bytes\n- 02.123457 A: blk_12 at port 80, L3\n")
    bench_stages.tile_log(sample, tmp_path / "log", header, 5, seed=1)
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 5 == len(set(lines))
    form = re.compile(r"- 01\.\d{6} A: read (blk_-?\d+) of \d{4} bytes\n- 02\.\d{6} A: (blk_-?\d+) at port \d\d, L3")
    blocks = []
    for number in (0, 2):
        found = form.fullmatch("\n".join(lines[number : number + 2]))
        assert found is not None
        assert found[1] == found[2]
        blocks.append(found[1])
    assert len(set(blocks)) == 2
    with pytest.raises(UserError, match="cannot be read"):
        bench_stages.tile_log(tmp_path / "none", tmp_path / "log", header, 5, seed=1)


@pytest.mark.parametrize("name", ["hdfs", "bgl"])
def test_logs_have_exactly_the_lines_asked_for(name: str, tmp_path: Path) -> None:
    bench_stages.make_log(tmp_path / "x.log", name, 3_000, 1)
    assert (tmp_path / "x.log").read_bytes().count(b"\n") == 3_000
    assert [path.name for path in tmp_path.iterdir()] == ["x.log"]


def test_what_a_process_takes_is_measured_and_its_failure_told(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import time; text = 'x' * 200_000_000; time.sleep(0.2); print('not for us')")
    took = bench_stages.launch([sys.executable, str(program)], {})
    assert took["seconds"] > 0.2
    assert 190 < took["peak_mb"] < 300
    program.write_text("import sys; sys.exit('no such luck')")
    with pytest.raises(RuntimeError, match=r"program.py failed \(1\): no such luck"):
        bench_stages.launch([sys.executable, str(program)], {})


def test_a_small_run_from_end_to_end_without_logparser3(tmp_path: Path) -> None:
    output, markdown = tmp_path / "out" / "bench.json", tmp_path / "out" / "bench.md"
    options = ["--lines", "2000", "--repeats", "1", "--workloads", "bgl", "--logparser", str(tmp_path / "absent")]
    command: list[str | Path] = [
        sys.executable,
        SCRIPT,
        "--formats",
        FORMATS,
        *options,
        "--output",
        output,
        "--markdown",
        markdown,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    assert {path.name for path in output.parent.iterdir()} == {"bench.json", "bench.md"}
    (workload,) = result["workloads"]
    assert workload["lines"] == workload["distinct_lines"] == 2_000
    checks = workload["checks"]
    assert checks["lines_grouped_as_by_drain3"] + checks["lines_that_drain3_cannot_group"] == 2_000
    missing = [row["name"] for row in workload["rows"] if "missing" in row]
    assert missing == ["logparser3's Drain", "logparser3's Drain, no parameters"]
    for row in workload["rows"]:
        assert "missing" in row or (row["peak_mb"] > 20 and len(row["seconds"]) == 1)
    assert result["machine"]["cores"] >= 1
    assert set(result["machine"]) == {"cpu", "cores", "memory_gb", "system"}
    for text in (done.stdout, markdown.read_text()):
        assert "not installed" in text
        assert result["date"] in text
        assert "drain3, line by line" in text
