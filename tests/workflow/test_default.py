"""The default study, whole: what it shows, that it comes out the same twice, and its report."""

import json
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from playwright.sync_api import Browser, Locator

from tests.browser.conftest import Opened
from tests.browser.test_page import move
from tests.results_folder import digests
from tests.workflow.project import ROOT, Project, merged

DEFAULT: dict[str, Any] = yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture(scope="module")
def default_study(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default study, run to its end.

    Where the caller has just run it, Snakemake is given those results, and runs what is not up to date in them.
    """
    project = Project(tmp_path_factory.mktemp("default") / "project")
    if made := os.environ.get("LOGASSAY_DEFAULT_STUDY"):
        for name in ("results", ".snakemake"):
            shutil.copytree(Path(made) / name, project.root / name)
    project.build(DEFAULT)
    return project


def results(project: Project, pattern: str) -> dict[str, Path]:
    found = {str(path.relative_to(project.root)): path for path in project.root.glob(f"results/runs/**/{pattern}")}
    assert found
    return found


def test_the_raw_log_is_accounted_for(default_study: Project) -> None:
    facts = json.loads(next(iter(results(default_study, "parse_report.json").values())).read_text())
    assert facts["lines"] >= 100_000
    assert facts["lines"] == facts["parsed"] + facts["joined"] + facts["rejected"]


@pytest.mark.parametrize("protocol", ["labelled", "pseudo"])
def test_each_deep_model_beats_every_trivial_baseline(default_study: Project, protocol: str) -> None:
    table = pl.read_parquet(default_study.root / "results/studies/default/comparison.parquet")
    last = table.filter((pl.col("protocol") == protocol) & (pl.col("epoch") == pl.col("epoch").max().over("model")))
    area = dict(last.select("model", "roc_auc").iter_rows())
    baselines = {"flag-all", "never-flag", "new-event", "isolation-forest", "count-vector"}
    deep = {"deeplog", "loganomaly", "logrobust", "logbert-small"}
    assert set(area) == baselines | deep
    assert area["flag-all"] == area["never-flag"] == 0.5
    if protocol == "pseudo":
        deep.remove("logrobust")  # it has learned the labelled anomalies, and mutations are none of them
    assert min(area[name] for name in deep) > max(area[name] for name in baselines)


def test_new_events_alone_do_not_give_the_anomalies_away(default_study: Project) -> None:
    table = pl.read_parquet(default_study.root / "results/studies/default/comparison.parquet")
    row = table.filter((pl.col("protocol") == "labelled") & (pl.col("model") == "new-event"))
    assert 0 < row["f1"].item() < 0.8


def test_the_test_set_is_read_by_scoring_alone(default_study: Project) -> None:
    """No job but the overlap table and the scoring is given the test part."""
    readers = set()
    for path in (default_study.root / "results/logs").rglob("*.log"):
        command = path.read_text().splitlines()[0]
        if "test.parquet" in command:
            readers.add(re.search(r"(\w+)\.py", command)[1])  # type: ignore[index]
    assert readers == {"encode_sequences", "measure_overlap", "score_sequences"}


def test_twice_the_same_bytes(default_study: Project, tmp_path: Path) -> None:
    """All that one epoch of each model has in common with three; the tables are compared by the test of bundles."""
    again = Project(tmp_path / "project")
    again.build(merged(DEFAULT, {"study": {"epochs": 1}}))
    first, second = (digests(project.root / "results") for project in (default_study, again))
    of_all_epochs = ("/epochs.parquet", "/evaluations.json")
    common = [name for name in second if name.startswith("runs/") and not name.endswith(of_all_epochs)]
    assert len(common) > 100
    assert {name: first.get(name) for name in common} == {name: second[name] for name in common}


@pytest.mark.parametrize(("name", "language"), [("comparison_report", "en"), ("epoch_report_deeplog", "ko")])
def test_the_pages_show_what_the_evaluations_hold(
    default_study: Project, chromium: Browser, name: str, language: str
) -> None:
    """In a browser: at the chosen threshold and at others, for each checkpoint of DeepLog."""
    address = (default_study.root / f"results/studies/default/report/{name}.{language}.html").as_uri()
    opened = Opened(chromium, address)
    explorer = opened.page.locator(".explorer").first  # of the labelled test part
    pickers = explorer.locator("select")
    if pickers.count() == 2:
        pickers.first.select_option(label="deeplog")
    names = [(option.text_content() or "").lower() for option in pickers.last.locator("option").all()]
    for epoch in (1, 2, 3):
        pickers.last.select_option(index=next(i for i, name in enumerate(names) if f"epoch {epoch}" in name))
        path = f"model=deeplog/evaluation=labelled/epoch_{epoch}/evaluation_results_epoch_{epoch}.json"
        evaluation = json.loads(next(default_study.root.glob(f"results/runs/**/{path}")).read_text())
        assert shown(explorer) == evaluation["counts"]
        normal, anomalous = evaluation["data"]["normal"], evaluation["data"]["anomalous"]
        for step in (0, 20, 60):
            tp, fp = (evaluation["curve"][count][step] for count in ("tp", "fp"))
            move(explorer.locator("input[type=range]").first, step)
            assert shown(explorer) == {"tp": tp, "fp": fp, "tn": normal - fp, "fn": anomalous - tp}
    assert opened.complaints == []
    assert opened.requests == [address]
    opened.context.close()


def shown(explorer: Locator) -> dict[str, int]:
    """The four counts that an explorer shows."""
    cells = explorer.locator("[data-count]").evaluate_all("cells => cells.map(e => [e.dataset.count, e.innerText])")
    return {name: int(text.replace(",", "")) for name, text in cells}


def test_the_snakemake_report_works_offline(default_study: Project) -> None:
    done = default_study.snakemake("--report", "report.zip", study=DEFAULT)
    assert done.returncode == 0, done.stdout[-3000:]
    with zipfile.ZipFile(default_study.root / "report.zip") as archive:
        page = archive.read(next(name for name in archive.namelist() if name.endswith("report.html"))).decode()
    assert "confusion" in page
    assert "flag-all" in page
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="https?://', page)
