"""The comparison: one row per evaluation, sorted, said in words, and safe to open anywhere."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from logassay import compare, evaluate
from logassay.errors import UserError
from logassay.files import write_json, write_parquet
from logassay.threshold import Choice

HOSTILE = "=sim|<b>*x*\n`y`\x1b[31m"


def evaluation(**changes: Any) -> dict[str, Any]:
    """Return the evaluation of 4 normal and 2 anomalous test sequences: TP 1, FP 1, TN 3, FN 1."""
    run: dict[str, Any] = {
        "dataset": "sim",
        "grouping": "session",
        "split": "chronological",
        "seed": 1,
        "sample_size": 100,
        "model": "deeplog",
        "epoch": 1,
    } | changes
    protocol = run.pop("protocol", "labelled")
    trained = run["model"] in ("deeplog", "logbert")
    by_rule = run["model"] == "flag-all"
    values = [1.0, 2, 3, 4, 0, 1, 2, 9, 3, 8]
    labels = [False] * 3 + [True] + [False] * 4 + [True] * 2
    frame = pl.DataFrame(
        {
            "sequence": pl.Series(range(10), dtype=pl.Int32),
            "label": labels,
            "kind": pl.Series([None] * 10, dtype=pl.String),
            "operator": pl.Series([None] * 10, dtype=pl.String),
            "length": [5] * 10,
            "unknown": [1] * 10,
            "score": [1.0] * 10 if by_rule else values,
            "paper": [True] * 10,
            "loss": pl.Series([2.0 if trained else None] * 10, dtype=pl.Float64),
            "distinct": pl.Series(range(10), dtype=pl.Int32),
            "seen_in_training": [False] * 5 + [True] * 5,
        }
    )
    return evaluate.evaluate(
        frame.head(4),
        frame.tail(6),
        protocol=protocol,
        run=run,
        choice=Choice("quantile", 0.0, {"f1": 0.5}),
        decision="rule" if by_rule else "threshold",
        training_facts={"training_loss": 0.5 if trained else None, "wall_seconds": 1.0, "checkpoint_sha256": None},
        score_facts={"scoring_seconds": 1.0, "device": "cpu", "threads": 1},
        checkpoint="c.pt",
    )


def table(folder: Path, evaluations: list[dict[str, Any]]) -> pl.DataFrame:
    """Return the combined table of the evaluations, each summarised in a file of its own."""
    paths = []
    for index, one in enumerate(evaluations):
        write_json(folder / f"{index}.json", one)
        write_parquet(compare.summarise([folder / f"{index}.json"]), folder / f"{index}.parquet")
        paths.append(folder / f"{index}.parquet")
    return compare.combine(paths)


def test_row_by_hand(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", evaluation())
    row = compare.summarise([tmp_path / "a.json"]).row(0, named=True)
    # The threshold is 3, the highest of the validation normals: the test scores 9 and 8 are flagged.
    assert {name: row[name] for name in ("threshold", "tp", "fp", "tn", "fn")} == {
        "threshold": 3,
        "tp": 1,
        "fp": 1,
        "tn": 3,
        "fn": 1,
    }
    assert row["precision"] == row["recall"] == row["f1"] == 0.5
    assert row["share_seen"] == pytest.approx(5 / 6)
    assert (row["unseen_sequences"], row["unseen_tn"], row["unseen_recall"]) == (1, 1, None)
    assert (row["training_loss"], row["normal_loss"], row["unknown_share"]) == (0.5, 2, 0.2)
    assert (row["targets"], row["targets_met"], row["false_positive_rate"]) == ("f1 0.5", True, 0)
    assert row["roc_fpr"][0] == 0
    assert row["roc_tpr"][-1] == 1


def test_every_number_of_an_evaluation_is_in_the_row(tmp_path: Path) -> None:
    one = evaluation()
    write_json(tmp_path / "a.json", one)
    row = compare.summarise([tmp_path / "a.json"]).row(0, named=True)
    one["training"] |= {f"training_{name}": one["training"].pop(name) for name in ("sequences", "anomalous")}
    for block in ("run", "counts", "metrics", "training", "data", "overlap", "durations"):
        assert {name: row[name] for name in one[block]} == one[block]


def test_not_an_evaluation(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"run": {}})
    with pytest.raises(UserError, match=r"a\.json is not an evaluation"):
        compare.summarise([tmp_path / "a.json"])


def test_sorted_by_factors_with_trained_models_first(tmp_path: Path) -> None:
    rows = [
        evaluation(model="flag-all"),
        evaluation(model="logbert", epoch=10),
        evaluation(model="logbert", epoch=2),
        evaluation(model="logbert", epoch=2, seed=0),
        evaluation(model="deeplog", protocol="pseudo", anomaly_ratio=0.1),
        evaluation(model="deeplog", protocol="pseudo", anomaly_ratio=0.02),
        evaluation(model="logbert", sample_size=50),
    ]
    frame = table(tmp_path, rows)
    found = frame.select("protocol", "anomaly_ratio", "sample_size", "model", "epoch", "seed").rows()
    assert found == [
        ("labelled", None, 50, "logbert", 1, 1),
        ("labelled", None, 100, "logbert", 2, 0),
        ("labelled", None, 100, "logbert", 2, 1),
        ("labelled", None, 100, "logbert", 10, 1),
        ("labelled", None, 100, "flag-all", 1, 1),
        ("pseudo", 0.02, 100, "deeplog", 1, 1),
        ("pseudo", 0.1, 100, "deeplog", 1, 1),
    ]
    (tmp_path / "again").mkdir()
    again = table(tmp_path / "again", rows[::-1])
    assert frame.drop("evaluation_seconds").equals(again.drop("evaluation_seconds"))


def test_markdown_rows_and_notes(tmp_path: Path) -> None:
    rows = [evaluation(), evaluation(model="flag-all"), evaluation(protocol="pseudo", anomaly_ratio=0.02)]
    text = compare.markdown(table(tmp_path, rows), "default", "train", {"ROC": "roc.png"})
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "## sim, grouped by session, chronological split, labelled" in lines
    assert "| deeplog | 1 | 66.67% | 50.00% | 50.00% | 75.00% | 0.5000 | 0.7500 | 0.5833 | 2 | 2 | 1 | 1 | 3 |" in lines
    # flag-all ran in the first section and is worked out in the second; never-flag is worked out in both.
    flag_all = "| 33.33% | 33.33% | 100.00% | 0.00% | 0.5000 | 0.5000 | 0.3333 | - | - | 4 | 0 | - |"
    assert f"| flag-all | 1 {flag_all}" in lines
    assert f"| flag-all | - {flag_all}" in lines
    never = "| never-flag | - | 66.67% | - | 0.00% | 100.00% | 0.0000 | 0.5000 | 0.3333 | - | - | 0 | 2 | - |"
    assert lines.count(never) == 2
    assert "- Evaluated: 4 normal and 2 anomalous sequences." in lines
    assert "- Threshold of flag-all: the model's own decision rule." in lines
    assert any("false-positive rate of at most 0 % on the normal validation sequences" in line for line in lines)
    assert any(line.startswith("- An anomaly ratio of 0.02 is the share of *events* changed") for line in lines)
    assert any("75.00% of the normal ones, 100.00% of the anomalous ones" in line for line in lines)
    assert "- Events that the models do not know: 20.00%." in lines
    assert "![ROC](<roc.png>)" in lines
    assert "**" not in text


def test_markdown_warns_of_templates_that_saw_the_test_data(tmp_path: Path) -> None:
    text = compare.markdown(table(tmp_path, [evaluation()]), "default", "all", {})
    assert "test sequences included" in text
    assert "training lines only" not in text


def test_several_sizes_get_a_column(tmp_path: Path) -> None:
    frame = table(tmp_path, [evaluation(), evaluation(sample_size=2000)])
    text = compare.markdown(frame, "default", "train", {})
    header = next(line for line in text.splitlines() if line.startswith("| Model"))
    assert [cell.strip() for cell in header.split("|")[1:4]] == ["Model", "Epoch", "Training sequences"]
    assert "2,000" in text
    assert text.count("| never-flag") == 1


def test_several_seeds_are_one_row_with_means(tmp_path: Path) -> None:
    rows = [evaluation(), evaluation(seed=2), evaluation(seed=3)]
    for row, f1, fp, area in zip(rows, (0.5, 0.7, 0.6), (1, 2, 2), (0.9, 0.9, None), strict=True):
        row["metrics"] |= {"f1": f1, "roc_auc": area}
        row["counts"] |= {"fp": fp, "tn": 4 - fp}
    text = compare.markdown(table(tmp_path, rows), "default", "train", {})
    lines = [line for line in text.splitlines() if line.startswith("| deeplog")]
    assert len(lines) == 1
    header = next(line for line in text.splitlines() if line.startswith("| Model"))
    row = dict(zip(*([cell.strip() for cell in line.split("|")] for line in (header, lines[0])), strict=True))
    assert row["F1"] == "0.6000 ± 0.1000"
    assert row["FP"] == "1.7"
    assert row["ROC-AUC"] == "-"  # undefined for one of the seeds
    assert row["AP"] == "0.5833 ± 0"  # at the anomalous scores 8 and 3: 1/2 and 2/3
    assert row["FN"] == "1"
    assert "Every row is the mean over 3 seeds" in text


def test_early_stopping_is_a_recommendation_from_validation() -> None:
    def row(model: str, epoch: int, loss: float | None, size: int = 10) -> dict[str, Any]:
        return {"model": model, "epoch": epoch, "sample_size": size, "validation_normal_loss": loss}

    # Means over two seeds: 3, 2, 2.5. The smaller sample does not count.
    rows = [row("a", 1, 2.0), row("a", 1, 4.0), row("a", 2, 2.0), row("a", 2, 2.0), row("a", 3, 3.0), row("a", 3, 2.0)]
    rows += [row("a", 4, 1.0, size=5), row("b", 1, 3.0), row("b", 2, 2.0), row("c", 1, 0.9), row("d", 1, None)]
    assert compare.early_stops(rows) == {"a": (2, 3, 0.25), "b": (2, 2, 0.0)}


def test_hostile_names(tmp_path: Path) -> None:
    frame = table(tmp_path, [evaluation(dataset=HOSTILE, model=HOSTILE), evaluation(dataset=HOSTILE, model="-1+1")])
    text = compare.markdown(frame, HOSTILE, "train", {HOSTILE: "roc.png"})
    assert "<b>" not in text
    assert "\x1b" not in text
    escaped = r"=sim\|&lt;b&gt;\*x\* \`y\` \[31m"
    assert f"# Comparison: {escaped}\n" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in rows} == {15}

    compare.write_csv(frame, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        cells = list(csv.DictReader(stream))
    assert {row["dataset"] for row in cells} == {"'" + HOSTILE}
    assert [row["model"] for row in cells] == ["'-1+1", "'" + HOSTILE]
    assert "roc_fpr" not in cells[0]

    shown = compare.short_table(frame, "comparison.md")
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 8


def test_csv_keeps_negative_numbers_as_they_are(tmp_path: Path) -> None:
    frame = table(tmp_path, [evaluation()]).with_columns(threshold=pl.lit(-2.5))
    compare.write_csv(frame, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        assert next(csv.DictReader(stream))["threshold"] == "-2.5"


def test_short_table_shows_the_last_epoch(tmp_path: Path) -> None:
    rows = [evaluation(), evaluation(epoch=2), evaluation(seed=2, epoch=2), evaluation(sample_size=50, epoch=7)]
    rows += [evaluation(protocol="pseudo", anomaly_ratio=0.02, epoch=2)]
    lines = compare.short_table(table(tmp_path, rows), "results/studies/default/comparison.md").splitlines()
    assert lines[0] == "Each model at its last epoch, trained on its largest sample, with the smallest seed:"
    assert lines[2].split() == ["Protocol", "Model", "Epoch", "F1", "ROC-AUC", "Precision", "Recall", "FP", "FN"]
    assert [line.split() for line in lines[4:6]] == [
        ["labelled", "deeplog", "2", "0.5000", "0.7500", "50.00%", "50.00%", "1", "1"],
        ["pseudo", "deeplog", "2", "0.5000", "0.7500", "50.00%", "50.00%", "1", "1"],
    ]
    assert lines[-1] == "All rows, with notes: results/studies/default/comparison.md"


def test_protocols_do_not_mix(tmp_path: Path) -> None:
    rows = [evaluation(protocol="pseudo", anomaly_ratio=0.02)]
    rows += [
        evaluation(protocol="prevalence", anomaly_ratio=ratio, prevalence=prevalence)
        for ratio, prevalence in ((0.02, 0.05), (0.02, 0.01), (0.1, 0.01))
    ]
    frame = table(tmp_path, rows)
    titles = [compare.section_title(part[0]).split(", ", 3)[3] for part in compare.sections(frame)]
    assert titles == [
        "pseudo-anomalies (anomaly ratio 0.02, prevalence 0.01)",
        "pseudo-anomalies (anomaly ratio 0.02, prevalence 0.05)",
        "pseudo-anomalies (anomaly ratio 0.1, prevalence 0.01)",
        "pseudo-anomalies (anomaly ratio 0.02)",
    ]
    sections = compare.markdown(frame, "s", "train", {}).split("## ")[1:]
    assert "that is the prevalence, 0.05. Every evaluated sequence counts once: 5 % of them mutated" in sections[1]
    assert ["one-to-one mix" in section for section in sections] == [False, False, False, True]
    assert all("calibration sequences" in section for section in sections)
    shown = compare.short_table(frame, "c.md").splitlines()
    assert shown[2].split()[:4] == ["Anomaly", "ratio", "Prevalence", "Protocol"]


def test_short_table_tells_data_sets_apart(tmp_path: Path) -> None:
    shown = compare.short_table(table(tmp_path, [evaluation(), evaluation(dataset="bgl")]), "c.md").splitlines()
    assert shown[2].split()[0] == "Dataset"
    assert [line.split()[0] for line in shown[4:6]] == ["bgl", "sim"]


def test_compare_writes_everything_and_the_same_bytes(tmp_path: Path) -> None:
    rows = [evaluation(), evaluation(epoch=2, seed=2), evaluation(sample_size=400), evaluation(model="flag-all")]
    for one in rows:
        one["durations"]["evaluation_seconds"] = 0.01
    table(tmp_path, rows)
    paths = sorted(tmp_path.glob("*.parquet"))
    for name in ("one", "two"):
        folder = tmp_path / name
        compare.compare(
            paths,
            study="default",
            templates_fit_on="train",
            parquet=folder / "comparison.parquet",
            csv=folder / "comparison.csv",
            costs=folder / "costs.csv",
            markdown_path=folder / "comparison.md",
            figures_directory=folder / "figures",
            learning_curve=folder / "figures" / "learning_curve.png",
        )
    written = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    figures = ["figures/learning_curve.png", "figures/metrics_by_epoch.png", "figures/roc.png"]
    tables = ["comparison.csv", "comparison.md", "comparison.parquet", "costs.csv"]
    assert [str(path) for path in written] == [*tables, *figures]
    for path in written:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()
    text = (tmp_path / "one" / "comparison.md").read_text(encoding="utf-8")
    assert "![Learning curve](<figures/learning_curve.png>)" in text
    assert json.dumps(text).isascii()


def test_the_epoch_to_use_is_named_by_validation() -> None:
    def row(model: str, epoch: int, area: float | None, loss: float | None = None, size: int = 10) -> dict[str, Any]:
        merits = {"validation_roc_auc": area, "validation_normal_loss": loss}
        return {"model": model, "epoch": epoch, "sample_size": size, **merits, "roc_auc": 1.0 - (area or 0)}

    # The means over two seeds are .7, .8 and .8: the earlier of equals. The smaller sample does not count.
    rows = [row("a", 1, 0.6), row("a", 1, 0.8), row("a", 2, 0.9), row("a", 2, 0.7), row("a", 3, 0.8), row("a", 3, 0.8)]
    rows += [row("a", 1, 1.0, size=5), row("b", 1, None, 3.0), row("b", 2, None, 2.0), row("c", 1, 0.9)]
    assert compare.best_epochs(rows) == {"a": 2, "b": 2}
