"""An evaluation from someone else, whose names are hostile, from its JSON to the reports."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import Browser

from logassay.files import write_json
from tests.browser.conftest import Opened
from tests.hostile.conftest import Run, refused
from tests.unit.test_compare import evaluation

MODELS = ["=cmd|' /C calc'!A0", "@SUM(1)", "\t+1", "-1+1", "\r=1", "<script>window.owned=1</script>", "../../owned"]
DATASET = "[x](javascript:window.owned=1) `b` | \u202e\u2028\x1b[2J www.evil.example"


def reported(run: Run, tmp_path: Path, evaluations: list[dict[str, Any]]) -> Path:
    """Do what the workflow does, program by program; return the folder of the tables and reports."""
    folder = tmp_path / "study"
    paths = [tmp_path / f"{number}.json" for number in range(len(evaluations))]
    for path, one in zip(paths, evaluations, strict=True):
        write_json(path, one)
    table, lists = tmp_path / "epochs.parquet", tmp_path / "evaluations.json"
    done = run("summarise_epochs.py", "--evaluations", *paths, "--output", table, "--list", lists)
    assert done.returncode == 0, done.stderr
    outputs = [
        f"--{name}={folder / f'comparison.{end}'}"
        for name, end in [("parquet", "p"), ("csv", "csv"), ("markdown", "md")]
    ]
    outputs.append(f"--costs={folder / 'costs.csv'}")
    done = run("compare_runs.py", "--epochs", table, "--study", "s", *outputs, "--figures-dir", folder)
    assert done.returncode == 0, done.stderr
    options = ["--study", "s", "--strategy", "quantile", "--advice-dir", folder / "advice"]
    done = run("judge_study.py", "--evaluations", lists, *options, "--output", folder / "verdicts.json")
    assert done.returncode == 0, done.stderr
    done = run("write_reports.py", "--verdicts", folder / "verdicts.json", "--languages", "en", "--output-dir", folder)
    assert done.returncode == 0, done.stderr
    done = run("show_comparison.py", "--comparison", folder / "comparison.p", "--path-shown", "comparison.md")
    assert done.stdout.replace("\n", "").isprintable()
    return folder


def test_hostile_names_are_shown_and_do_nothing(run: Run, tmp_path: Path, chromium: Browser) -> None:
    evaluations = [evaluation(model=model, dataset=DATASET) for model in MODELS]
    evaluations += [evaluation(model=model, dataset=DATASET, epoch=2) for model in MODELS[-2:]]
    folder = reported(run, tmp_path, evaluations)
    with (folder / "comparison.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted({row["model"] for row in rows}) == sorted(
        model if model[0] in "<." else f"'{model}" for model in MODELS
    )
    assert pl.read_parquet(folder / "comparison.p")["model"].unique().sort().to_list() == sorted(MODELS)
    # Names of files are not taken from names of models as they are.
    assert {path.name for path in folder.glob("epoch_report_*.html")} == {
        "epoch_report_.._.._owned.en.html",
        "epoch_report__script_window.owned_1__script_.en.html",
    }
    for path in [folder / "comparison.md", *folder.glob("*report*.md")]:
        text = path.read_text(encoding="utf-8")
        assert text.replace("\n", "").isprintable()
        assert not re.search(
            r"(?<!\\)\]\(javascript|<script|www\.evil", re.sub(r"`[^`\n]*`|```.*?```", "", text, flags=re.S)
        )
    for path in folder.glob("*.html"):
        shown = Opened(chromium, path.as_uri())
        assert shown.page.evaluate("window.owned") is None
        assert shown.page.locator("a[href^=javascript]").count() == 0
        shown.context.close()
        assert shown.complaints == []
        assert shown.requests == [path.as_uri()]


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"epoch": 1', '"epoch": NaN', "NaN is no number"),
        ('"epoch": 1', '"epoch": 1e999', "1e999 is no number"),
        ('"epoch": 1', '"epoch": ' + "9" * 5000, "is too large a number"),
        ('"epoch": 1', '"epoch": 1, "epoch": 2', "a key stands twice"),
        ('"epoch": 1', f'"epoch": {nested(100_000)}', "nested too deeply"),
        ('"model": "deeplog"', '"model": "\\ud800"', "surrogates not allowed"),
        ('"tp": 1', '"tp": 2', "its counts do not add up"),
        ('"tp": 1', '"tp": -1', "less than the minimum"),
        ('"warnings"', '"more": 1, "warnings"', "'more' was unexpected"),
    ],
)
def test_json_that_is_no_evaluation_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    """With a right seal: what it says was meant."""
    from logassay.compare import summarise
    from logassay.errors import UserError
    from tests.hostile.test_fuzz import sealed

    path = tmp_path / "a.json"
    write_json(path, evaluation())
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_bytes(sealed(text.replace(old, new, 1).encode()))
    with pytest.raises(UserError, match=re.escape(told)):
        summarise([path])


def test_the_program_says_it_in_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"run": {}}))
    outputs = ["--output", tmp_path / "t.parquet", "--list", tmp_path / "l.json"]
    said = refused(run("summarise_epochs.py", "--evaluations", tmp_path / "a.json", *outputs))
    assert said.startswith(f"{tmp_path / 'a.json'} is damaged")
