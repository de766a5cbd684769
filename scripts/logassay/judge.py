"""From all evaluations of a study to its verdicts: what differs, what to distrust, which epoch to use, what next.

Nothing is measured here on a model. The reports say in words what `verdicts.json` holds.
"""

import json
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import polars as pl
import yaml

from logassay import compare, diagnose, targets, warn
from logassay.errors import UserError
from logassay.evaluate import pseudo_parts, read_scores
from logassay.evaluation_file import read_evaluations
from logassay.files import read_json, scratch_folder, write_json, write_text
from logassay.metrics import DEGENERATE, Counts, sweep
from logassay.nested import merged
from logassay.statistics import (
    RESAMPLES,
    Difference,
    Unavailable,
    at_prevalence,
    fit_learning_curve,
    holm,
    mcnemar,
    over_seeds,
    paired_difference,
    rank_methods,
    rate_intervals,
    roc_auc_difference,
    two_proportions,
    unpaired_difference,
    versus_best,
)
from logassay.threshold import shortfalls

SCHEMA_VERSION = 1
SEED = 0
"""Seed of the bootstrap: equal evaluations get equal verdicts."""
COMPARED = ("f1", "roc_auc")
"""Metrics by which models are compared; the first also ranks them over data sets."""
SUMMARISED = ("accuracy", "precision", "recall", "specificity", "f1", "roc_auc", "average_precision")
MOST_CURVES = 40
"""Curves that a section's report can offer; beyond, only those of the recommended epochs are kept."""
EPOCH_METRICS = ("recall", "specificity", "roc_auc")
"""Metrics by which epochs are compared; where anomalies are rare, accuracy hardly sees the first."""
LEVEL = 0.05
"""Level of significance."""

Row = Mapping[str, Any]
Scored = Callable[[Row], pl.DataFrame | None]
"""Gives the judged sequences of an evaluation: part, sequence, label, score, paper; None where they are not at hand."""


@dataclass(frozen=True)
class Settings:
    """What a study wants to know.

    Attributes
    ----------
    study : str
        Its name.
    targets : mapping of str to float
        Smallest acceptable values of some metrics.
    prevalences : sequence of float
        Shares of anomalous sequences at which precision and F1 are restated.
    strategy, false_positive_rate : str, float
        How thresholds were chosen.
    fit_on : str
        Part that the templates were mined from: `train` or `all`.
    models : mapping of str to mapping
        The config's entries of the study's models.
    config : mapping
        The sections of the config that a study file may hold, for the files of advice.
    reproduce : str
        Command line that made the results.
    study_file : str
        File of the study's settings, as it is to be shown.
    variants : sequence of str
        Names of all variants of models that the config defines.
    evaluations : int
        How many evaluations the study has altogether; 0 where it is not known.
    open_shares : mapping of str to float
        By folder of a split the share of its training sequences that were still open when the test part began.
    training_available : mapping of str to int
        By folder of a split the number of its training sequences.
    """

    study: str
    targets: Mapping[str, float]
    prevalences: Sequence[float]
    strategy: str
    false_positive_rate: float
    fit_on: str
    models: Mapping[str, Mapping[str, Any]]
    config: Mapping[str, Any] = field(default_factory=dict)
    reproduce: str = ""
    study_file: str = ""
    variants: Sequence[str] = ()
    evaluations: int = 0
    open_shares: Mapping[str, float] = field(default_factory=dict)
    training_available: Mapping[str, int] = field(default_factory=dict)

    def is_baseline(self, model: str) -> bool:
        """Tell models without epochs, which are there to be beaten, from the others."""
        return model in DEGENERATE or bool(self.models.get(model, {}).get("epochs") == 1)


def folder(evaluation: Row) -> Path:
    """Return the folder of the model run that an evaluation belongs to."""
    return Path(evaluation["provenance"]["checkpoint"]).parent.parent


def _seconds_of(evaluation: Row, jobs: str) -> list[float]:
    """Return what jobs of an epoch took by their benchmark files, which are there if Snakemake ran them here."""
    place = Path(str(folder(evaluation)).replace("results/runs", "results/benchmarks", 1))
    found = sorted(place.glob(f"{jobs}epoch_{evaluation['run']['epoch']}.tsv"))
    # Snakemake's own format: a line of names, a line of values, seconds first.
    return [float(path.read_text(encoding="utf-8").splitlines()[1].split("\t")[0]) for path in found]


def split_folder(evaluation: Row) -> Path:
    """Return the folder of the split that an evaluation's model run belongs to."""
    checkpoint = Path(evaluation["provenance"]["checkpoint"])
    # Below it lie size, model and checkpoints.
    return checkpoint.parents[3] if len(checkpoint.parents) > 4 else checkpoint.parent


def share_folder(name: str, share: float) -> str:
    """Return the part of a path that stands for an anomaly ratio or a prevalence."""
    return f"{name}={round(share * 10_000):05d}"


def scores_beside(evaluation: Row) -> pl.DataFrame | None:
    """Read the saved scores from which an evaluation was made; None where they are not there."""
    name = f"epoch_{evaluation['run']['epoch']}.parquet"
    labelled = folder(evaluation) / "scores" / name
    if not labelled.is_file():
        return None
    run = evaluation["run"]
    if run["protocol"] == "labelled":
        return read_scores(labelled)
    mutated = folder(evaluation) / "pseudo" / share_folder("ratio", run["anomaly_ratio"]) / "scores" / name
    if not mutated.is_file():
        return None
    scores, changed = read_scores(labelled), read_scores(mutated, mutated=True)
    calibration, judged = pseudo_parts(scores, changed, None, run["prevalence"], run["seed"])
    return pl.concat(
        [
            calibration.with_columns(part=pl.lit("validation")),
            judged.with_columns(part=pl.lit("test")),
        ]
    )


def judge(evaluations: Sequence[Row], settings: Settings, scored: Scored = scores_beside) -> dict[str, Any]:
    """Return the verdicts on a study.

    Parameters
    ----------
    evaluations : sequence of mapping
        Evaluations of all its runs, epochs and protocols.
    settings : Settings
        What the study wants to know.
    scored : callable
        Gives the scores of an evaluation.

    Returns
    -------
    dict
        As described in workflow/schemas/verdicts.schema.json.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for one in sorted(evaluations, key=_order(settings)):
        groups.setdefault(tuple(one["run"][name] for name in compare.SECTION), []).append(one)
    sections = [Section(group, settings, scored).verdicts() for group in groups.values()]
    return {
        "schema_version": SCHEMA_VERSION,
        "study": settings.study,
        "threshold": {
            "strategy": settings.strategy,
            "false_positive_rate": settings.false_positive_rate,
            "targets": dict(settings.targets),
        },
        "prevalences": list(settings.prevalences),
        "reproduce": settings.reproduce,
        "sections": sections,
        "ranking": _ranking(sections),
    }


def _order(settings: Settings) -> Callable[[Row], tuple[Any, ...]]:
    """Trained models first, then baselines; within them as the study lists them."""
    place = {name: number for number, name in enumerate(settings.models)}

    def key(one: Row) -> tuple[Any, ...]:
        run = one["run"]
        section = tuple(str(run[name]) for name in compare.SECTION)
        model = (settings.is_baseline(run["model"]), place.get(run["model"], len(place)), run["model"])
        return (*section, *model, run["sample_size"] or 0, run["epoch"] or 0, run["seed"] or 0)

    return key


class Section:
    """The evaluations that share the factors of `compare.SECTION`, hence the judged sequences.

    Parameters
    ----------
    evaluations : sequence of mapping
        In the order in which they are to be shown.
    settings : Settings
        What the study wants to know.
    scored : callable
        Gives the scores of an evaluation.
    """

    def __init__(self, evaluations: Sequence[Row], settings: Settings, scored: Scored) -> None:
        self.evaluations = evaluations
        self.settings = settings
        self.flat = [compare.flatten(one) for one in evaluations]
        self.models = list(dict.fromkeys(row["model"] for row in self.flat))
        self.first = evaluations[0]
        # A bootstrap's smallest p-value must stay below the level when corrected for all pairs of models, or of epochs.
        compared = max(len(self.models), max((row["epoch"] or 1) for row in self.flat))
        self.resamples = max(RESAMPLES, 40 * compared * (compared - 1))
        self._scored = scored
        self._frames: dict[int, pl.DataFrame | None] = {}
        self.largest = compare.largest_sample(self.flat)
        self.best_epoch = compare.best_epochs(self.flat)
        self.chosen = {model: self._recommended(model) for model in self.models}

    def verdicts(self) -> dict[str, Any]:
        """Return the section's part of the verdicts."""
        rows = [self._row(one) for one in self.evaluations]
        self._thin(rows)
        self._warn(rows)
        comparisons = [each for metric in COMPARED for each in self._compare(metric)]
        curves = self._learning_curves()
        data, run = self.first["data"], self.first["run"]
        return {
            **{name: run[name] for name in compare.SECTION},
            "data": {
                "normal": data["normal"],
                "anomalous": data["anomalous"],
                "unlabelled": data["unlabelled"],
                "prevalence": data["anomalous"] / max(1, data["normal"] + data["anomalous"]),
                "unknown_share": data["unknown_share"],
                **self.first["overlap"],
            },
            "ceiling": self.first["ceiling"],
            "unmutated_share": self._unmutated(),
            "warnings": self._shared(rows),
            "rows": rows,
            "models": [self._model(model, rows, curves) for model in self.models],
            "comparisons": comparisons,
            "best": {metric: self._leaders(metric, comparisons) for metric in COMPARED},
            "learning_curves": curves,
        }

    def _row(self, one: Row) -> dict[str, Any]:
        """Return the verdict on one evaluation."""
        run, threshold = one["run"], one["threshold"]
        counts = Counts(**one["counts"])
        restated = [at_prevalence(counts, prevalence) for prevalence in self.settings.prevalences]
        alarms = rate_intervals(counts)
        return {
            "model": run["model"],
            "baseline": self.settings.is_baseline(run["model"]),
            "supervised": one["supervised"],
            "sample_size": run["sample_size"],
            "seed": run["seed"],
            "epoch": run["epoch"],
            "checkpoint": one["provenance"]["checkpoint"],
            "reproduce": reproduction(one, self.settings.study_file),
            "files": files(one),
            "counts": one["counts"],
            "metrics": one["metrics"],
            "intervals": one["intervals"] or {name: limits and list(limits) for name, limits in alarms.items()},
            "losses": one["losses"],
            "threshold": {
                "strategy": threshold["strategy"],
                "value": threshold["value"],
                "validation": threshold["metrics"],
            },
            "at_prevalence": [
                {
                    "prevalence": each.prevalence,
                    "precision": each.precision,
                    "precision_low": each.precision_interval and each.precision_interval[0],
                    "precision_high": each.precision_interval and each.precision_interval[1],
                    "f1": each.f1,
                    "alarms_per_thousand": _alarms(counts, each.prevalence),
                }
                for each in restated
            ],
            "strata": [
                {
                    "stratum": {"unknown event": "unseen-event", "order or number only": "order-or-count"}.get(
                        each["name"], f"{each['by']}:{each['name']}"
                    ),
                    **{name: each[name] for name in ("sequences", "found", "recall", "low", "high")},
                }
                for each in one["strata"]
            ],
            "unseen": one["unseen"] and {"sequences": one["unseen"]["sequences"], "metrics": one["unseen"]["metrics"]},
            "warnings": self._warnings(one),
            "curve": one["curve"],
            "durations": {name: one["durations"][name] for name in ("training_seconds", "scoring_seconds")},
        }

    def _thin(self, rows: list[dict[str, Any]]) -> None:
        """Keep the curves of one seed and the largest sample; of many checkpoints only those recommended."""
        shown = [row for row, one in zip(rows, self.flat, strict=True) if row["curve"] and one in self.largest]
        seeds = {model: min((row["seed"] or 0) for row in rows if row["model"] == model) for model in self.models}
        shown = [row for row in shown if (row["seed"] or 0) == seeds[row["model"]]]
        if len(shown) > MOST_CURVES:
            shown = [row for row in shown if row["epoch"] == self.chosen[row["model"]]["run"]["epoch"]]
        for row in rows:
            if not any(row is kept for kept in shown):
                row["curve"] = None

    def _warnings(self, one: Row) -> list[dict[str, Any]]:
        """Return the warnings that an evaluation supports by itself, with the study's targets."""
        asked = {**one, "threshold": {**one["threshold"], "targets": dict(self.settings.targets)}}
        return warn.of_evaluation(
            asked,
            templates_fit_on=self.settings.fit_on,
            truncated=one["truncated"],
            open_training_share=self.settings.open_shares.get(str(split_folder(one)))
            if one["run"]["protocol"] == "labelled"
            else None,
        )

    def _warn(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add the warnings that it takes several rows to see; those of the first seed and the largest sample."""
        shown = [place for place, flat in enumerate(self.flat) if flat in self.largest]
        first = {
            model: min(self.flat[p]["seed"] or 0 for p in shown if self.flat[p]["model"] == model)
            for model in self.models
        }
        shown = [place for place in shown if (self.flat[place]["seed"] or 0) == first[self.flat[place]["model"]]]
        chosen = [place for place, row in enumerate(shown) if self.evaluations[row] is self.chosen[rows[row]["model"]]]

        def compare_rows(metric: str, one: int, two: int) -> Difference | None:
            first, second = self.evaluations[shown[one]], self.evaluations[shown[two]]
            models = one in chosen and two in chosen
            return (self._over_seeds if models else self._difference)(metric, first, second)

        across = warn.of_section(
            [rows[place] for place in shown],
            compare=compare_rows,
            compared=chosen,
            # One to one by design, whatever the share of anomalies will be in use.
            paired=self.first["run"]["protocol"] == "pseudo",
        )
        for place, found in zip(shown, across, strict=True):
            rows[place]["warnings"] += found

    def _shared(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Return the warnings about the data, which all rows have in common."""
        first = [warning for warning in rows[0]["warnings"] if warning["code"] in warn.OF_DATA]
        return [warning for warning in first if all(warning in row["warnings"] for row in rows)]

    # Epochs

    def _epochs(self, model: str) -> list[Row]:
        """Return the evaluations of a model's epochs, at its largest sample and its first seed."""
        rows = [one for one, flat in zip(self.evaluations, self.flat, strict=True) if flat in self.largest]
        rows = [one for one in rows if one["run"]["model"] == model]
        first = min((one["run"]["seed"] or 0) for one in rows)
        return [one for one in rows if (one["run"]["seed"] or 0) == first]

    def _recommended(self, model: str) -> Row:
        """Return the evaluation of the epoch that validation recommends."""
        epochs = self._epochs(model)
        wanted = self.best_epoch.get(model)
        return next((one for one in epochs if one["run"]["epoch"] == wanted), epochs[-1])

    def _model(self, model: str, rows: Sequence[Row], curves: Sequence[Row]) -> dict[str, Any]:
        """Return the verdict on a model over its epochs and seeds."""
        epochs, chosen = self._epochs(model), self.chosen[model]
        losses = self._validation_losses(model)
        differ = self._epochs_differ(epochs)
        stop = compare.early_stops(self.flat).get(model)
        by = "only epoch"
        if len(epochs) > 1:
            by = "validation roc_auc" if chosen["threshold"]["metrics"]["roc_auc"] is not None else "validation loss"
        training = [one["losses"]["training"] for one in epochs]
        known = [loss for loss in training if loss is not None]
        wanted = self._targets(model)
        here = next(row for row, one in zip(rows, self.evaluations, strict=True) if one is chosen)
        evaluations = [one for one in self.evaluations if one["run"]["model"] == model]
        section = {"learning_curves": curves, "rows": rows}
        facts = self._facts(chosen, wanted, here)
        causes: list[dict[str, Any]] = []
        advice: list[dict[str, Any]] = []
        if not self.settings.is_baseline(model):  # those are there to be beaten, not to be improved
            causes = diagnose.diagnose(evaluations, section, facts)
            advice = diagnose.advise(causes, evaluations, section, facts)
        codes = {warning["code"] for warning in here["warnings"]}
        useless = bool(codes & {"DEGENERATE", "CHANCE"})
        beaten = any(w["code"] == "BEATEN-BY-BASELINE" and w["metric"] in COMPARED for w in here["warnings"])
        usable = not beaten and (wanted is None or wanted["met"] is not False)
        return {
            "model": model,
            "baseline": self.settings.is_baseline(model),
            "supervised": chosen["supervised"],
            "epochs": len(epochs),
            "loss_trend": [
                {"epoch": epoch, "loss": loss, "change": loss / losses[min(losses)] - 1 if losses[min(losses)] else 0.0}
                for epoch, loss in losses.items()
            ],
            "training_losses": [known[0], known[-1]] if known else None,
            "recommended": {
                "epoch": chosen["run"]["epoch"],
                "checkpoint": chosen["provenance"]["checkpoint"],
                "by": by,
                "seed": chosen["run"]["seed"],
                "sample_size": chosen["run"]["sample_size"],
            },
            "early_stop": stop and {"epoch": stop[0], "last": stop[1], "change": stop[2]},
            "epochs_differ": differ,
            "uses": self._uses(epochs, chosen, differ),
            "seeds": self._seeds(model, chosen["run"]["epoch"]),
            "targets": wanted,
            "diagnosis": causes,
            "advice": advice,
            "state": "useless" if useless else "usable" if usable else "weak",
        }

    def _facts(self, chosen: Row, wanted: Row | None, here: Row) -> dict[str, Any]:
        """Gather what is known of a model beside its evaluations."""
        run, training = chosen["run"], chosen["training"]
        entry = self.settings.models.get(run["model"], {})
        beaten = next((each for each in here["warnings"] if each["code"] == "BEATEN-BY-BASELINE"), None)
        known = {
            "supervised": chosen["supervised"],
            "values": entry.get("values"),
            "recommended": {name: run[name] for name in ("epoch", "seed", "sample_size")},
            "training_sequences": training["sequences"],
            "training_anomalous": training["anomalous"],
            "training_available": self.settings.training_available.get(str(split_folder(chosen))),
            "hyper": entry.get("hyper"),
            "targets": wanted,
            "seconds_per_epoch": sum(_seconds_of(chosen, "*")) or None,
            "prevalences": list(self.settings.prevalences),
            "variants": list(self.settings.variants),
            "entry": dict(entry) or None,
            "seconds_per_evaluation": fmean(_seconds_of(chosen, "evaluate_*") or [0.0]) or None,
            "study_models": list(self.settings.models),
            "evaluations": self.settings.evaluations or len(self.evaluations),
            "baseline_comparisons": self._against_baselines(chosen),
            "better_baseline": beaten
            and {
                "model": beaten["baseline"],
                "metric": beaten["metric"],
                "value": beaten["baseline_value"],
                "own": beaten["value"],
            },
        }
        return {name: value for name, value in known.items() if value is not None}

    def _against_baselines(self, chosen: Row) -> list[dict[str, Any]]:
        """Compare a model with every baseline; a positive difference speaks for the model."""
        others = [
            other
            for model, other in self.chosen.items()
            if self.settings.is_baseline(model) and model not in DEGENERATE and other is not chosen
        ]
        found = []
        for metric in COMPARED:
            known = [(other, self._over_seeds(metric, chosen, other)) for other in others]
            pairs = [(other, each) for other, each in known if each is not None]
            for (other, each), p_value in zip(pairs, holm([each.p_value for _, each in pairs]), strict=True):
                found.append(
                    {
                        "metric": metric,
                        "model": chosen["run"]["model"],
                        "baseline": other["run"]["model"],
                        "difference": each.difference,
                        "p_adjusted": p_value,
                    }
                )
        return found

    def _validation_losses(self, model: str) -> dict[int, float]:
        """Return by epoch the loss of normal validation sequences (pseudo: intact ones), the mean over the seeds."""
        name = "validation_normal_loss" if self.first["run"]["protocol"] == "labelled" else "normal_loss"
        found: dict[int, list[float]] = {}
        for row in self.largest:
            if row["model"] == model and row[name] is not None:
                found.setdefault(row["epoch"], []).append(row[name])
        return {epoch: sum(values) / len(values) for epoch, values in sorted(found.items())}

    def _seeds(self, model: str, epoch: int) -> dict[str, Any]:
        rows = [row for row in self.largest if row["model"] == model and row["epoch"] == epoch]
        summary = {}
        for metric in SUMMARISED:
            spread = over_seeds([row[metric] for row in rows])
            if spread is not None:
                low, high = spread.interval or (None, None)
                summary[metric] = {
                    "mean": spread.mean,
                    "sd": spread.deviation,
                    "low": low,
                    "high": high,
                    "n": spread.count,
                }
        return summary

    def _epochs_differ(self, epochs: Sequence[Row]) -> dict[str, Any] | None:
        """Test in pairs whether the epochs differ by any of `EPOCH_METRICS`, corrected for the number of tests."""
        if len(epochs) < 2:
            return None
        limits = [rate_intervals(Counts(**one["counts"]))["recall"] for one in epochs]
        if any(limit is None for limit in limits):
            return None
        pairs = [(a, b) for place, a in enumerate(epochs) for b in epochs[place + 1 :]]
        paired = all(self._decisions(one) is not None for one in epochs)
        tests = [(metric, self._epoch_test(metric, a, b)) for a, b in pairs for metric in EPOCH_METRICS]
        corrected = [
            (value, metric)
            for (metric, _), value in zip(tests, holm([value for _, value in tests]), strict=True)
            if value is not None
        ]
        smallest, metric = min(corrected, default=(1.0, EPOCH_METRICS[0]))
        return {
            "distinguishable": smallest <= LEVEL,
            "metric": metric,
            "p": smallest,
            "metrics": [
                {"metric": name, "p": min((value for value, own in corrected if own == name), default=None)}
                for name in EPOCH_METRICS
            ],
            "test": ("delong" if metric == "roc_auc" else "mcnemar") if paired else "two-proportion",
            "low": [limit[0] for limit in limits if limit],
            "high": [limit[1] for limit in limits if limit],
        }

    def _epoch_test(self, metric: str, first: Row, second: Row) -> float | None:
        """Return the p-value of two epochs being equal in recall, specificity or ROC-AUC."""
        one, two = self._decisions(first), self._decisions(second)
        if one is None or two is None:
            if metric == "roc_auc":
                return None
            hits, misses = ("tp", "fn") if metric == "recall" else ("tn", "fp")
            shares = [(each["counts"][hits], each["counts"][hits] + each["counts"][misses]) for each in (first, second)]
            return two_proportions(*shares[0], *shares[1])
        one, two = _aligned(one, two)
        anomalous = one["label"].to_numpy()
        if metric == "roc_auc":
            found = roc_auc_difference(one["score"].to_numpy(), two["score"].to_numpy(), anomalous)
            return None if found is None else found.p_value
        part = anomalous if metric == "recall" else ~anomalous
        return mcnemar(one["right"].to_numpy()[part], two["right"].to_numpy()[part]).p_value

    def _uses(self, epochs: Sequence[Row], chosen: Row, differ: Row | None) -> dict[str, Any]:
        """Say which epoch serves which use, and on what grounds."""
        alike = differ is not None and not differ["distinguishable"]

        def false_alarms(one: Row) -> int:
            on_validation = one["threshold"]["counts"]
            return int((on_validation or one["counts"])["fp"])

        fewest = min(epochs, key=false_alarms)
        grounds = "validation" if fewest["threshold"]["counts"] else "test"
        alarm_rate = rate_intervals(Counts(**fewest["counts"]))["false_positive_rate"]
        none = false_alarms(fewest) == 0
        return {
            "production": {
                "epoch": chosen["run"]["epoch"],
                "why": "only-epoch" if len(epochs) == 1 else "indistinguishable" if alike else "validation",
            },
            "no_false_alarms": {
                "epoch": fewest["run"]["epoch"] if none else None,
                "why": f"none-on-{grounds}" if none else f"some-on-{grounds}",
                "upper_fpr": alarm_rate and alarm_rate[1],
            },
            "proof_of_concept": {
                "epoch": epochs[0]["run"]["epoch"] if alike else chosen["run"]["epoch"],
                "why": "cheapest-of-equals" if alike else "same-as-production",
            },
        }

    # Scores

    def _frame(self, one: Row) -> pl.DataFrame | None:
        if id(one) not in self._frames:
            self._frames[id(one)] = self._scored(one)
        return self._frames[id(one)]

    def _judged(self, one: Row) -> pl.DataFrame | None:
        """Return the labelled test rows of an evaluation with `flagged`."""
        frame = self._frame(one)
        if frame is None:
            return None
        threshold = one["threshold"]["value"]
        flagged = pl.col("paper") if threshold is None else pl.col("score") > threshold
        rows = frame.filter(pl.col("part") == "test").with_columns(label=pl.col("label").cast(pl.Boolean))
        # A limited evaluation judged the first rows only, which are those that were scored.
        return rows.drop_nulls("label").with_columns(flagged=flagged)

    def _decisions(self, one: Row) -> pl.DataFrame | None:
        frame = self._judged(one)
        if frame is None:
            return None
        return frame.select("sequence", "label", "score", "flagged", right=pl.col("flagged") == pl.col("label"))

    def _difference(self, metric: str, first: Row, second: Row) -> Difference | None:
        """Compare two evaluations on the sequences that both judged, or by their counts where there are no scores."""
        one, two = self._decisions(first), self._decisions(second)
        if one is None or two is None:
            if metric == "roc_auc":
                return None
            counts = Counts(**first["counts"]), Counts(**second["counts"])
            return unpaired_difference(metric, *counts, seed=SEED, resamples=self.resamples)
        one, two = _aligned(one, two)
        anomalous = one["label"].to_numpy()
        if metric == "roc_auc":
            return roc_auc_difference(one["score"].to_numpy(), two["score"].to_numpy(), anomalous)
        flags = one["flagged"].to_numpy(), two["flagged"].to_numpy()
        return paired_difference(metric, *flags, anomalous, seed=SEED, resamples=self.resamples)

    def _seeds_of(self, one: Row) -> list[Row]:
        """Return the evaluations that differ from one in nothing but the seed, in the order of the seeds."""
        same = ("model", "epoch", "sample_size")
        alike = [each for each in self.evaluations if all(each["run"][name] == one["run"][name] for name in same)]
        return sorted(alike, key=lambda each: each["run"]["seed"] or 0)

    def _mean(self, metric: str, one: Row) -> float | None:
        """Return the mean of a metric over the seeds; None where it is undefined for one of them."""
        values = [each["metrics"][metric] for each in self._seeds_of(one)]
        return None if None in values else sum(values) / len(values)

    def _over_seeds(self, metric: str, first: Row, second: Row) -> Difference | None:
        """Compare two evaluations; where several seeds ran, a difference counts if it holds for every one of them.

        Then the interval reaches from the lowest limit to the highest, and the p-value is the largest; it is 1 where
        the seeds disagree about the sign.
        """
        pairs = [*zip(self._seeds_of(first), self._seeds_of(second), strict=False)]
        found = [self._difference(metric, one, two) for one, two in pairs]
        known = [each for each in found if each is not None]
        if len(known) < len(found) or not known:
            return None
        agree = min(each.difference for each in known) > 0 or max(each.difference for each in known) < 0
        return Difference(
            sum(each.difference for each in known) / len(known),
            (min(each.interval[0] for each in known), max(each.interval[1] for each in known)),
            max(each.p_value for each in known) if agree or len(known) == 1 else 1.0,
        )

    def _compare(self, metric: str) -> list[dict[str, Any]]:
        """Compare the best model by a metric, at its recommended epoch, with each of the others."""
        models = [model for model in self.models if model not in DEGENERATE]
        chosen = [self.chosen[model] for model in models]

        def difference(first: int, second: int) -> Difference | None:
            return self._over_seeds(metric, chosen[first], chosen[second])

        best = versus_best([self._mean(metric, one) for one in chosen], difference)
        if best is None:
            return []
        scored = all(self._frame(one) is not None for one in chosen)
        test = "unpaired" if not scored else "delong" if metric == "roc_auc" else "bootstrap"
        found = []
        for other in best.others:
            known = other.difference
            found.append(
                {
                    "a": models[best.row],
                    "b": models[other.row],
                    "metric": metric,
                    "difference": known and known.difference,
                    "low": known and known.interval[0],
                    "high": known and known.interval[1],
                    "p": known and known.p_value,
                    "p_adjusted": other.p_value,
                    "test": test,
                    "distinguishable": other.p_value is not None and other.p_value <= LEVEL,
                }
            )
        return found

    def _leaders(self, metric: str, comparisons: Sequence[Row]) -> list[str]:
        """Return the best model by a metric, and those not distinguishable from it."""
        of_metric = [each for each in comparisons if each["metric"] == metric]
        if not of_metric:
            valued = [model for model in self.models if self.chosen[model]["metrics"][metric] is not None]
            return [model for model in valued if model not in DEGENERATE][:1]
        return [of_metric[0]["a"], *(each["b"] for each in of_metric if not each["distinguishable"])]

    def _targets(self, model: str) -> dict[str, Any] | None:
        """Say what the study's targets are worth for a model, on validation."""
        wanted = dict(self.settings.targets)
        if not wanted:
            return None
        one = self.chosen[model]
        counts = Counts(**one["counts"])
        prevalence = (counts.tp + counts.fn) / max(1, sum(one["counts"].values()))
        forbidden = [
            {"metric": " & ".join(names), "by": "ceiling"} for names in targets.forbidden(wanted, one["ceiling"])
        ]
        # Where validation is not known, only the test counts can be held against the targets.
        told = one["threshold"]["metrics"] if one["threshold"]["counts"] else one["metrics"]
        missed = shortfalls(told, wanted)
        verdict = {
            "wanted": wanted,
            "met": not any(missed.values()),
            "reachable": None,
            "missed": {name: gap for name, gap in missed.items() if gap > 0},
            "unreachable": [],
            "exclusive_pairs": [],
            "vacuous": [{"metric": m, "met_by": by} for m, by in targets.vacuous(wanted, prevalence).items()],
            "forbidden_by": forbidden,
            "nearest": None,
            "proposed": None,
        }
        frame = self._frame(one)
        if frame is None or one["threshold"]["value"] is None:
            return verdict
        rows = frame.filter(pl.col("part") == "validation").with_columns(pl.col("label").fill_null(False))
        curve = sweep(rows["score"].to_numpy(), rows["label"].to_numpy())
        found = targets.assess(curve, wanted)
        if found is None:
            return verdict
        for share in self.settings.prevalences if found.met else ():
            restated = targets.assess(curve, wanted, share)
            if restated is not None and not restated.met:
                forbidden.append({"metric": "precision" if "precision" in wanted else "f1", "by": "prevalence"})
                break
        reachable = {
            "reachable": found.met,
            "unreachable": list(found.unreachable),
            "exclusive_pairs": [list(pair) for pair in found.exclusive],
            "nearest": {"threshold": found.nearest.threshold, "metrics": found.nearest.metrics},
            "proposed": found.realistic,
        }
        if not found.met:
            reachable["missed"] = {name: gap for name, gap in found.shortfall.items() if gap > 0}
        return verdict | reachable

    # Samples

    def _learning_curves(self) -> list[dict[str, Any]]:
        """Fit the error by training size of each model that ran on several."""
        final = compare.last_epochs(self.flat)
        curves = []
        for model in self.models:
            points: dict[int, list[float]] = {}
            for row in final:
                if row["model"] == model and row["sample_size"] and row["f1"] is not None:
                    points.setdefault(row["sample_size"], []).append(row["f1"])
            if len(points) < 2 or self.settings.is_baseline(model):
                continue
            sizes = sorted(points)
            values = [sum(points[size]) / len(points[size]) for size in sizes]
            # One point for each run, so that the spread of the seeds counts.
            runs = [(size, 1 - value) for size in sizes for value in points[size]]
            fit = fit_learning_curve([size for size, _ in runs], [error for _, error in runs], seed=SEED)
            curve = {"model": model, "metric": "f1", "sizes": sizes, "values": values}
            if isinstance(fit, Unavailable):
                nothing = dict.fromkeys(("gain_when_doubled", "low", "high", "rising"))
                curves.append(curve | nothing | {"reason": fit.reason})
            else:
                low, high = fit.gain_interval
                gain = {"gain_when_doubled": fit.gain, "low": low, "high": high, "rising": fit.still_rising}
                curves.append(curve | gain | {"reason": None})
        return curves

    def _unmutated(self) -> float | None:
        """Estimate which share of the sequences would stay as they are if each event mutated independently.

        That is a guess about mutations of unknown origin, such as a published report's. `mutate` changes every sequence
        by at least one event, and its sequences carry the name of their operator.
        """
        run, data = self.first["run"], self.first["data"]
        if run["protocol"] == "labelled" or not run["anomaly_ratio"] or not data["evaluated"]:
            return None
        if any(each["by"] == "operator" for each in self.first["strata"]):
            return None
        length = data["events"] / data["evaluated"]
        return float((1 - run["anomaly_ratio"]) ** length)


def _aligned(first: pl.DataFrame | None, second: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return two judgements of the same sequences, row by row; in pseudo evaluations they are in the same order."""
    if first is None or second is None or first.height != second.height:
        raise UserError("Two runs of one study judged different sequences; rebuild both from the same split.")
    if not first["sequence"].equals(second["sequence"]) or not first["label"].equals(second["label"]):
        raise UserError("Two runs of one study judged different sequences; rebuild both from the same split.")
    return first, second


def _alarms(counts: Counts, prevalence: float) -> float | None:
    """Return how many of a thousand sequences would be flagged at a share of anomalous ones."""
    if not counts.tp + counts.fn or not counts.fp + counts.tn:
        return None
    recall, alarms = counts.tp / (counts.tp + counts.fn), counts.fp / (counts.fp + counts.tn)
    return 1000 * (prevalence * recall + (1 - prevalence) * alarms)


def _ranking(sections: Sequence[Row]) -> dict[str, Any] | None:
    """Rank the models over the data sets, where several ran with labels."""
    seen: dict[str, dict[str, list[float | None]]] = {}
    for section in sections:
        if section["protocol"] == "labelled":
            for model in section["models"]:
                mean = model["seeds"].get(COMPARED[0], {}).get("mean")
                seen.setdefault(section["dataset"], {}).setdefault(model["model"], []).append(mean)
    # Of several groupings or splits of a data set, the mean counts; one data set is one vote.
    values: dict[str, dict[str, float | None]] = {
        dataset: {
            model: None if None in found else sum(v for v in found if v is not None) / len(found)
            for model, found in models.items()
        }
        for dataset, models in seen.items()
    }
    if len(values) < 2:
        return None
    found = rank_methods(values)
    if isinstance(found, Unavailable):
        return None
    return {
        "datasets": found.datasets,
        "mean_ranks": dict(found.mean_ranks),
        "friedman_p": found.p_value,
        "critical_difference": found.critical_difference,
        "cliques": [list(clique) for clique in found.cliques],
    }


def files(one: Row) -> dict[str, str]:
    """Return the paths of an evaluation's files, under the source documents' names."""
    run = one["run"]
    place = folder(one) / f"evaluation={run['protocol']}"
    for name, factor in (("ratio", "anomaly_ratio"), ("share", "prevalence")):
        if run[factor] is not None:
            place /= share_folder(name, run[factor])
    place /= f"epoch_{run['epoch']}"
    return {
        "results": str(place / f"evaluation_results_epoch_{run['epoch']}.json"),
        "scores": str(place / f"score_dist_epoch_{run['epoch']}.png"),
        "matrix": str(place / f"confusion_matrix_epoch_{run['epoch']}.png"),
    }


def reproduction(one: Row, study_file: str = "") -> str:
    """Return the command line that repeats an evaluation by hand, with the settings of a study file."""
    run = one["run"]
    parts = [
        f"python scripts/evaluate.py --checkpoint {shlex.quote(one['provenance']['checkpoint'])}",
        *([f"--config {shlex.quote(study_file)}"] if study_file else []),
        f"--validation-data {split_folder(one)}",
        "--output-dir evaluation_results",
        f"--strategy {one['threshold']['strategy']}",
    ]
    if run["protocol"] != "labelled":
        sessions = one["data"]["normal" if run["protocol"] == "pseudo" else "evaluated"]
        ratio = "" if run["anomaly_ratio"] is None else f" --anomaly-ratio {run['anomaly_ratio']:g}"
        parts.append(f"--max-samples {sessions} --generate-fake-anomaly{ratio}")
        if run["prevalence"] is not None:
            parts.append(f"--protocol prevalence --prevalence {run['prevalence']:g}")
        parts += [] if run["seed"] is None else [f"--seed {run['seed']}"]
    return " \\\n    ".join(parts)


NOT_ALONE = """\
# This file goes after the study's own (snakemake --cores all --configfile STUDY.yaml THIS.yaml): that one alone says
# where the files outside of the working folder lie. With report.full_paths: true this one would, too."""


def write_advice(verdicts: dict[str, Any], settings: Settings, directory: Path) -> None:
    """Write a study file for each advice that changes the config, and note its path and command in the verdicts.

    Parameters
    ----------
    verdicts : dict
        From `judge`; `study_file` and `command` of the advice are filled in.
    settings : Settings
        Of the study; the files hold its config with the changes. What that leaves out of the study's datasets and
        models, because it names files that others need not know of, comes from the study's own file.
    directory : Path
        Folder for the files.
    """
    written: dict[str, Path] = {}
    texts: dict[str, str] = {}
    config = settings.config
    sections = [section for section in ("datasets", "models") if section in config]
    alone = all(name in config[section] for section in sections for name in config["study"].get(section, []))
    before = [] if alone else [settings.study_file]
    for section in verdicts["sections"]:
        for model in section["models"]:
            for advice in model["advice"]:
                if not advice["changes"] or not settings.config:
                    continue
                # The protocols may give a model the same advice.
                key = json.dumps([model["model"], advice["kind"], advice["changes"]], sort_keys=True)
                if key not in written:
                    name = f"{len(written) + 1:02d}-{model['model']}-{advice['kind']}"
                    name = re.sub(r"[^a-z0-9_-]+", "-", name.lower())
                    changed = merged(settings.config, advice["changes"])
                    changed["study"] = {**changed["study"], "name": f"{settings.study}-{name}"}
                    written[key] = directory / f"{name}.yaml"
                    text = yaml.safe_dump(changed, sort_keys=False, allow_unicode=True, width=120)
                    texts[written[key].name] = text if alone else f"{NOT_ALONE}\n{text}"
                path = written[key]
                advice["study_file"] = f"{directory.name}/{path.name}"
                advice["command"] = shlex.join(["snakemake", "--cores", "all", "--configfile", *before, str(path)])
    _write_folder(directory, texts)


def _write_folder(directory: Path, texts: Mapping[str, str]) -> None:
    """Write files into a new folder, which gets its name when all of them are there."""
    with scratch_folder(directory.with_name(f".{directory.name}")) as folder:
        for name, text in texts.items():
            write_text(folder / name, text)
        shutil.rmtree(directory, ignore_errors=True)
        folder.rename(directory)


def open_share(report: Path) -> float | None:
    """Return the share of training sequences still open when the test part began, from a split's report."""
    still_open, sequences = read_json(report)["train_open_at_test_start"], training_sequences(report)
    return None if still_open is None or not sequences else still_open / sequences


def training_sequences(report: Path) -> int:
    """Return the number of training sequences, from a split's report."""
    return int(next(part["sequences"] for part in read_json(report)["parts"] if part["part"] == "train"))


def run(lists: Sequence[Path], splits: Sequence[Path], settings: Settings, output: Path, advice: Path) -> None:
    """Judge the evaluations of a study and write the verdicts.

    Parameters
    ----------
    lists : sequence of Path
        Files of evaluations, one for each model run.
    splits : sequence of Path
        Reports on the splits, split.json.
    settings : Settings
        What the study wants to know.
    output : Path
        Where verdicts.json goes.
    advice : Path
        Folder for the study files of advice.
    """
    evaluations = [one for path in lists for one in read_evaluations(path)]
    shares = {str(path.parent): open_share(path) for path in splits}
    known = {place: share for place, share in shares.items() if share is not None}
    available = {str(path.parent): training_sequences(path) for path in splits}
    settings = replace(settings, open_shares=known, training_available=available, evaluations=len(evaluations))
    verdicts = judge(evaluations, settings)
    days = [datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat() for path in lists]
    verdicts["evaluated_on"] = max(days, default=None)
    write_advice(verdicts, settings, advice)
    write_json(output, verdicts)
