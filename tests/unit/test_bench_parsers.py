"""Accuracy of groups and templates, small enough to count by hand, and the whole measurement on a small sample."""

import json
from pathlib import Path

import polars as pl
import pytest

import bench_parsers as script
from logassay import bench_parsers
from logassay.bench_parsers import accuracy, means, normalised, table
from logassay.errors import UserError


def test_accuracy_by_hand() -> None:
    # True groups: A of three lines, B of two, C of one. A is found, B is split, C is found with another text.
    groups = ["A", "A", "A", "B", "B", "C"]
    truth = ["open <*>", "open <*>", "open <*>", "close <*>", "close <*>", "it is over"]
    found = ["open <*>", "open <*>", "open <*>", "close x", "close <*>", "it <*> over"]
    measured = accuracy(found, groups, truth)
    assert measured == {
        "grouping_accuracy": 4 / 6,
        "parsing_accuracy": 4 / 6,
        # Two of four found and of three true templates are right: precision 1/2, recall 2/3. One has the right text.
        "f1_grouping": pytest.approx(2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3)),
        "f1_templates": pytest.approx(2 * (1 / 4) * (1 / 3) / (1 / 4 + 1 / 3)),
        "templates": 4,
        "true_templates": 3,
    }


def test_merged_groups_are_wrong_in_every_line_and_lines_without_a_template_alone() -> None:
    merged = accuracy(["<*>"] * 4, ["A", "A", "B", "B"], ["a", "a", "b", "b"])
    assert (merged["grouping_accuracy"], merged["f1_grouping"]) == (0, 0)
    # Two lines of one true group without a template are not a group; a single one is.
    none = accuracy([None, None, None], ["A", "A", "B"], ["a", "a", "b"])
    assert (none["grouping_accuracy"], none["parsing_accuracy"], none["templates"]) == (1 / 3, 0, 3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("blk_<*> of  size <*>", "<*> of size <*>"),
        ("from /<*>:<*> to <*>", "from <*> to /<*>"),
        ("took <*> <*> seconds", "took <*> seconds"),
        ("dsn=<*>, stat=<*>", "<*>"),
    ],
)
def test_wildcards_that_differ_in_taste_only(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_constants_are_not_a_matter_of_taste() -> None:
    assert normalised("a <*> c") != normalised("a b c")
    assert normalised("a <*> b <*>") != normalised("a <*> <*> b")


def write_sample(folder: Path, lines: list[str], truth: list[tuple[str, str]]) -> None:
    (folder / "Tiny").mkdir(parents=True)
    (folder / "Tiny/Tiny_2k.log").write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    pl.DataFrame(truth, schema=["EventId", "EventTemplate"], orient="row").write_csv(
        folder / "Tiny/Tiny_2k.log_structured.csv"
    )


FORMAT = """
formats:
  tiny:
    header: '^(?P<time>[0-9-]+) (?P<content>.*)$'
    timestamp: {text: "{time}", format: "%Y-%m-%d"}
    masks: [{pattern: '[0-9]+'}]
"""


def test_the_whole_measurement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["2020-01-01 got 1 of 9", "2020-01-02 got 2 of 9", "2020-01-03 lost all", "no header"]
    truth = [("E1", "got <*> of <*>"), ("E1", "got <*> of <*>"), ("E2", "lost all"), ("E3", "no header")]
    write_sample(tmp_path / "samples", lines, truth)
    write_sample(tmp_path / "samples/Other", lines, truth)  # too deep to be found
    (tmp_path / "formats.yaml").write_text(FORMAT)
    options = ["--samples", str(tmp_path / "samples"), "--formats", str(tmp_path / "formats.yaml")]
    options += ["--output", str(tmp_path / "o.json"), "--markdown", str(tmp_path / "o.md"), "--repeats", "1"]
    script.run(script.arguments().parse_args([*options, "--miners", "drain", "none"]))
    measured = json.loads((tmp_path / "o.json").read_text())
    assert measured["samples_without_format"] == []
    drain, none = measured["samples"][:2]
    assert (drain["miner"], none["miner"]) == ("drain", "none")
    for row in (drain, none):
        # The line without a header has no template, but is alone in truth too.
        assert (row["grouping_accuracy"], row["parsing_accuracy"]) == (1, 0.75)
        assert (row["templates"], row["true_templates"], row["unparsed"], row["lines"]) == (3, 3, 1, 4)
        assert row["lines_per_second"] == pytest.approx(4 / row["seconds"])
    markdown = (tmp_path / "o.md").read_text().splitlines()
    assert markdown[0].split("|")[1:5] == [" sample   ", " miner   ", " GA     ", " PA     "]
    assert "Tiny" in capsys.readouterr().out


def test_means_weigh_samples_alike_and_lines_by_time() -> None:
    measures = dict.fromkeys(bench_parsers.MEASURES, 1.0)
    one = {"sample": "A", "miner": "drain", "lines": 100, "seconds": 1.0, "lines_per_second": 100.0} | measures
    other = one | {"sample": "B", "seconds": 3.0, "grouping_accuracy": 0.5}
    (mean,) = means([one, other])
    assert mean == {"sample": "mean", "miner": "drain", **measures, "grouping_accuracy": 0.75, "lines_per_second": 50.0}
    assert table([mean])[1] == ["mean", "drain", "0.7500", "1.0000", "1.0000", "1.0000", "", "", "", "0"]


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no samples"):
        bench_parsers.read_samples(tmp_path)
    write_sample(tmp_path, ["a", "b"], [("E1", "a")])
    with pytest.raises(UserError, match=r"Tiny_2k.log has 2 lines, but Tiny_2k.log_structured.csv 1; fetch both anew"):
        bench_parsers.read_samples(tmp_path)
