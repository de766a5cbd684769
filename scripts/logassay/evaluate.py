"""From saved scores to one evaluation: threshold from validation, counts and metrics on test, figures, provenance.

No model is needed here. What a metric is stands in metrics, how a threshold is chosen in threshold.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from logassay import diagnose, figures, warn
from logassay.errors import UserError
from logassay.files import columns_of, digests_of, read_json, read_parquet, write_json
from logassay.metrics import Booleans, Counts, Floats, Sweep, count, curve_points, metrics, roc_points, sweep
from logassay.statistics import (
    average_precision_interval,
    bootstrap_intervals,
    rate_intervals,
    roc_auc_interval,
    wilson,
)
from logassay.threshold import TARGETS, Choice, choose, defined, shortfalls
from logassay.versions import versions

SCHEMA_VERSION = 3
PROTOCOLS = ("labelled", "pseudo", "prevalence")
"""What counts as anomalous: labels; the mutation of every judged sequence; or the mutations of a share of them."""
DECISIONS = ("threshold", "rule")
TRAINING_FACTS = ("examples", "distinct_examples", "gradient_norm", "learning_rate", "parameters", "vocabulary")
"""What an evaluation repeats of the facts beside the checkpoint."""
RESAMPLING_SEED = 0
"""Seed of the bootstrap intervals, the same for all, so that equal counts have equal intervals."""
RUN_FACTORS = ("dataset", "grouping", "split", "seed", "sample_size", "model", "epoch")

COLUMNS = ("part", "sequence", "label", "kind", "length", "unknown", "score", "paper", "loss")
"""Columns that an evaluation needs of a table of scores."""
CUT = "events_cut"
"""Column of models that read only the first events of a sequence: how many they did not."""


def read_scores(path: Path, mutated: bool = False) -> pl.DataFrame:
    """Read a table of scores and make sure that its numbers are numbers.

    Parameters
    ----------
    path : Path
        A table with the `COLUMNS`, and `operator` and `equals_normal` where `mutated`.
    mutated : bool
        Whether the scores are those of mutated sequences.

    Raises
    ------
    UserError
        If the file is missing, damaged or lacks a column, or if a score or loss is not a finite number.
    """
    cut = [CUT] if CUT in columns_of(path) else []
    frame = read_parquet(path, [*COLUMNS, *(["operator", "equals_normal"] if mutated else []), *cut]).with_columns(
        pl.col("score", "loss").cast(pl.Float64)
    )
    bad = frame.filter(~pl.col("score").is_finite().fill_null(False) | ~pl.col("loss").is_finite().fill_null(True))
    if bad.height:
        raise UserError(
            f"{path} has {bad.height} of {frame.height} scores or losses that are not finite numbers (the first is "
            f"sequence {bad['sequence'][0]}); the training has probably diverged: lower the model's learning rate."
        )
    return frame


def labelled_parts(scores: pl.DataFrame, overlap: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the validation and the test rows of a labelled scoring.

    Parameters
    ----------
    scores : polars.DataFrame
        Scores of the parts `validation` and `test`.
    overlap : polars.DataFrame or None
        Columns `part`, `sequence`, `distinct`, `seen_in_training`; None where it is not known.

    Returns
    -------
    validation, test : polars.DataFrame
        `COLUMNS` and `operator` (null), `distinct` and `seen_in_training` (null where unknown).
    """
    parts = _with_overlap(scores.with_columns(pl.lit(None, dtype=pl.String).alias("operator")), overlap)
    return parts.filter(pl.col("part") == "validation"), parts.filter(pl.col("part") == "test")


def paired_parts(
    scores: pl.DataFrame, mutated: pl.DataFrame, overlap: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the calibration and the evaluation rows of the paired protocol: each parent intact, then each mutated.

    Parameters
    ----------
    scores : polars.DataFrame
        Scores whose part `validation` has the intact parents.
    mutated : polars.DataFrame
        Scores of the mutated sequences: `sequence` is the parent's, `part` is `calibration` or `evaluation`.
    overlap : polars.DataFrame or None
        As for `labelled_parts`.

    Returns
    -------
    calibration, evaluation : polars.DataFrame
        As for `labelled_parts`; intact parents count as normal, mutated ones as anomalous.

    Raises
    ------
    UserError
        If a parent has no intact score.
    """
    intact = _with_overlap(scores.filter(pl.col("part") == "validation"), overlap).drop("part")
    parents = mutated.select("part", "sequence")
    missing = parents.join(intact, on="sequence", how="anti").height
    if missing:
        raise UserError(
            f"{missing} of {parents.height} mutated sequences have no intact parent among the validation scores; "
            "score and mutate the same validation sequences."
        )
    kept = parents.join(intact, on="sequence", how="left", maintain_order="left").with_columns(
        pl.lit(False).alias("label"),
        pl.lit(None, dtype=pl.String).alias("kind"),
        pl.lit(None, dtype=pl.String).alias("operator"),
    )
    changed = _with_overlap(mutated, None).with_columns(
        pl.lit(True).alias("label"),
        pl.lit(None, dtype=pl.String).alias("kind"),
        pl.col("equals_normal").alias("seen_in_training"),
    )
    rows = pl.concat([kept, changed.select(kept.columns)])
    return rows.filter(pl.col("part") == "calibration"), rows.filter(pl.col("part") == "evaluation")


def pseudo_parts(
    scores: pl.DataFrame, mutated: pl.DataFrame, overlap: pl.DataFrame | None, prevalence: float | None, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the calibration and the evaluation rows of the paired or of the prevalence protocol.

    In the prevalence protocol each parent occurs once, intact or mutated.

    Parameters
    ----------
    scores, mutated, overlap
        As for `paired_parts`.
    prevalence : float or None
        Share of the parents that are mutated, in (0, 1), the same in both parts; rounded half to even to whole
        sequences, at least one. Those of a lower prevalence are among those of a higher one. None is the paired
        protocol.
    seed : int
        Seed of the draw, at least 0.

    Returns
    -------
    calibration, evaluation : polars.DataFrame
        As for `labelled_parts`; intact parents count as normal, mutated ones as anomalous.

    Raises
    ------
    UserError
        If the prevalence is out of range or a parent has no intact score.
    """
    calibration, evaluation = paired_parts(scores, mutated, overlap)
    if prevalence is None:
        return calibration, evaluation
    if not 0 < prevalence < 1:
        raise UserError(
            f"The prevalence (evaluation.pseudo.prevalence) is {prevalence}, but it is the share of sequences that are "
            "mutated: give a number above 0 and below 1, for example 0.02."
        )
    return _drawn(calibration, prevalence, [seed, 0]), _drawn(evaluation, prevalence, [seed, 1])


def _drawn(pairs: pl.DataFrame, prevalence: float, seed: list[int]) -> pl.DataFrame:
    """Keep of each pair the mutated row, where it is drawn, or else the intact one."""
    parents = pairs.filter("label")["sequence"]
    order = np.random.default_rng(seed).permutation(parents.len())
    mutated = parents.gather(order[: max(1, round(prevalence * parents.len()))])
    return pairs.filter(pl.col("label") == pl.col("sequence").is_in(mutated.implode()))


def _with_overlap(frame: pl.DataFrame, overlap: pl.DataFrame | None) -> pl.DataFrame:
    if overlap is None:
        return frame.with_columns(
            pl.lit(None, dtype=pl.Int32).alias("distinct"), pl.lit(None, dtype=pl.Boolean).alias("seen_in_training")
        )
    columns = ["part", "sequence", "distinct", "seen_in_training"]
    joined = frame.join(overlap.select(columns), on=["part", "sequence"], how="left", maintain_order="left")
    missing = joined["seen_in_training"].null_count()
    if missing:
        raise UserError(
            f"{missing} of {frame.height} scored sequences are not in the overlap table; "
            "rebuild both from the same split."
        )
    return joined


def evaluate(
    validation: pl.DataFrame,
    test: pl.DataFrame,
    *,
    protocol: str,
    run: Mapping[str, Any],
    choice: Choice,
    decision: str,
    training_facts: Mapping[str, Any],
    score_facts: Mapping[str, Any],
    checkpoint: str,
    made_from: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Choose the threshold on validation and judge the test rows by it.

    On validation a sequence without a label counts as normal, as it does in training; on test it is left out.

    Parameters
    ----------
    validation, test : polars.DataFrame
        From `labelled_parts` or `pseudo_parts`.
    protocol : str
        One of `PROTOCOLS`.
    run : mapping
        The `RUN_FACTORS`, `anomaly_ratio` except in the labelled protocol, and `prevalence` in the one of that name.
    choice : Choice
        How the threshold is chosen.
    decision : str
        `threshold`, or `rule` for a model that has only its own decision rule (such as flag-all).
    training_facts, score_facts : mapping
        What training and scoring recorded beside the checkpoint and the scores; a checkpoint that came alone has
        `training_loss`, `wall_seconds` and `checkpoint_sha256` only.
    checkpoint : str
        The checkpoint's path as it is to be shown.
    made_from : mapping of str to str
        SHA-256 of the files that hold the scores and the overlap.

    Returns
    -------
    dict
        The evaluation, as `workflow/schemas/evaluation.schema.json` describes it.

    Raises
    ------
    UserError
        If no test sequence has a label, or validation lacks what the strategy needs.
    """
    started = time.perf_counter()
    unlabelled = test["label"].null_count()
    validation = validation.with_columns(pl.col("label").fill_null(False))
    test = test.drop_nulls("label")
    if not test.height:
        raise UserError(
            f"None of the {unlabelled} test sequences has a label, so there is nothing to evaluate; "
            "give labels or use the pseudo protocol."
        )
    chosen, names = choice.strategy, defined(_truth(validation), choice.targets)
    if decision == "rule":
        chosen, names = "paper", ["paper"]
    validation_curve, test_curve = _curve(validation), _curve(test)

    # The chosen strategy first: where the data do not allow it, this is where the user is told.
    threshold = choose(chosen, _scores(validation), _truth(validation), choice)
    strategies = []
    for name in names:
        value = choose(name, _scores(validation), _truth(validation), choice)
        strategies.append(
            {
                "strategy": name,
                "value": value,
                "validation": _verdict(validation, value, validation_curve),
                "test": _verdict(test, value, test_curve),
            }
        )
    on_validation = _verdict(validation, threshold, validation_curve)
    targets = {name: choice.targets[name] for name in TARGETS if name in choice.targets}
    missed = shortfalls(on_validation["metrics"], targets) if _truth(validation).any() else {}
    flagged = test.with_columns(_flagged(test, threshold).alias("flagged"))
    normal, anomalous = test.filter(~pl.col("label")), test.filter(pl.col("label"))
    events, unknown = int(test["length"].sum()), int(test["unknown"].sum())
    result = {
        "schema_version": SCHEMA_VERSION,
        "run": {
            **{name: run.get(name) for name in RUN_FACTORS},
            "protocol": protocol,
            "anomaly_ratio": run.get("anomaly_ratio"),
            "prevalence": run.get("prevalence"),
        },
        "supervised": bool(training_facts.get("supervised")),
        **_verdict(test, threshold, test_curve),
        "losses": {
            "training": training_facts["training_loss"],
            "validation_normal": validation.filter(~pl.col("label"))["loss"].mean(),
            "validation_anomalous": validation.filter(pl.col("label"))["loss"].mean(),
            "normal": normal["loss"].mean(),
            "anomalous": anomalous["loss"].mean(),
        },
        "training": _training(training_facts),
        "threshold": {
            "strategy": chosen,
            "value": threshold,
            "chosen_on": "validation",
            "false_positive_rate": choice.false_positive_rate if chosen == "quantile" else None,
            "targets": targets,
            "targets_met": not any(missed.values()) if missed else None,
            "shortfall": missed,
            **on_validation,
        },
        "strategies": strategies,
        "data": {
            "evaluated": test.height,
            "normal": normal.height,
            "anomalous": anomalous.height,
            "unlabelled": unlabelled,
            "validation_normal": int((~_truth(validation)).sum()),
            "validation_anomalous": int(_truth(validation).sum()),
            "events": events,
            "unknown_events": unknown,
            "unknown_share": unknown / events if events else None,
            "sequences_with_unknown": int((test["unknown"] > 0).sum()),
        },
        "overlap": {
            # A mean over rows of which some are unknown would look like one over all.
            "share_seen": None if test["seen_in_training"].null_count() else test["seen_in_training"].mean(),
            "share_seen_normal": normal["seen_in_training"].mean(),
            "share_seen_anomalous": anomalous["seen_in_training"].mean(),
        },
        "unseen": _unseen(test, threshold) if protocol == "labelled" and not test["distinct"].null_count() else None,
        "ceiling": _ceiling(test) if protocol == "labelled" and not test["distinct"].null_count() else None,
        "intervals": _intervals(test, threshold, test_curve),
        "strata": _strata(flagged),
        "truncated": int((test[CUT] > 0).sum()) if CUT in test.columns else 0,
        "roc": roc_points(test_curve),
        "curve": None if decision == "rule" else curve_points(test_curve, threshold),
        "provenance": {
            "checkpoint": checkpoint,
            "checkpoint_sha256": training_facts["checkpoint_sha256"],
            # Those of the training, where it recorded them: the evaluation may run in another environment.
            "versions": training_facts.get("versions") or versions(),
            "device": score_facts["device"],
            "threads": score_facts["threads"],
        },
        "durations": {
            "training_seconds": training_facts["wall_seconds"],
            "examples_per_second": training_facts.get("examples_per_second"),
            "training_peak_memory_mb": training_facts.get("peak_memory_mb"),
            "scoring_seconds": score_facts["scoring_seconds"],
            "evaluation_seconds": round(time.perf_counter() - started, 4),
        },
        "checks": diagnose.checks(validation, test, threshold),
        "made_from": dict(made_from or {}),
    }
    return result | {"warnings": warn.of_evaluation(result, truncated=result["truncated"])}


def _training(facts: Mapping[str, Any]) -> dict[str, Any]:
    sequences, normal = facts.get("training_sequences"), facts.get("training_normal")
    return {
        "sequences": sequences,
        "anomalous": None if sequences is None or normal is None else sequences - normal,
        **{name: facts.get(name) for name in TRAINING_FACTS},
    }


def _truth(frame: pl.DataFrame) -> Booleans:
    return frame["label"].to_numpy()


def _scores(frame: pl.DataFrame) -> Floats:
    return frame["score"].to_numpy()


def _curve(frame: pl.DataFrame) -> Sweep:
    return sweep(_scores(frame), _truth(frame))


def _flagged(frame: pl.DataFrame, threshold: float | None) -> pl.Series:
    return frame["paper"] if threshold is None else frame["score"] > threshold


def _verdict(frame: pl.DataFrame, threshold: float | None, curve: Sweep) -> dict[str, Any]:
    counts = count(_flagged(frame, threshold).to_numpy(), _truth(frame))
    return {"counts": counts.as_dict(), "metrics": metrics(counts, curve)}


def _unseen(test: pl.DataFrame, threshold: float | None) -> dict[str, Any]:
    """Judge each distinct event sequence that training never saw once (twice where it carries both labels)."""
    rows = test.filter(~pl.col("seen_in_training")).unique(["distinct", "label"], keep="first", maintain_order=True)
    return {"sequences": rows.height, **_verdict(rows, threshold, _curve(rows))}


def _ceiling(test: pl.DataFrame) -> dict[str, float] | None:
    """Find what the best judge could reach that sees nothing but the order of events: equal sequences fare alike."""
    groups = test.group_by("distinct").agg(tp=pl.col("label").sum(), fp=(~pl.col("label")).sum())
    anomalous = int(groups["tp"].sum())
    if not anomalous:
        return None
    # Flagging groups in the order of their share of anomalies gives the best F1 at some point.
    best = groups.sort(pl.col("tp") / (pl.col("tp") + pl.col("fp")), "distinct", descending=[True, False])
    f1 = best.select((2 * pl.col("tp").cum_sum() / ((pl.col("tp") + pl.col("fp")).cum_sum() + anomalous)).max()).item()
    certain = int(groups.filter(pl.col("fp") == 0)["tp"].sum())
    return {"recall_without_false_alarms": certain / anomalous, "f1": f1}


def _intervals(test: pl.DataFrame, threshold: float | None, curve: Sweep) -> dict[str, list[float] | None]:
    """Return a 95 % interval for each metric; of several scores of one checkpoint all are resampled alike."""
    counts = count(_flagged(test, threshold).to_numpy(), _truth(test))
    found = {
        **rate_intervals(counts),
        **bootstrap_intervals(counts, seed=RESAMPLING_SEED),
        "roc_auc": roc_auc_interval(_scores(test), _truth(test)),
        "average_precision": average_precision_interval(curve, seed=RESAMPLING_SEED),
    }
    return {name: None if limits is None else list(limits) for name, limits in found.items()}


def _strata(flagged: pl.DataFrame) -> list[dict[str, Any]]:
    """Count what was found of the anomalous rows by kind, by operator, and by whether they hold an unknown event."""
    anomalous = flagged.filter("label").with_columns(
        novelty=pl.when(pl.col("unknown") > 0).then(pl.lit("unknown event")).otherwise(pl.lit("order or number only"))
    )
    strata = []
    for by in ("novelty", "kind", "operator"):
        groups = anomalous.filter(pl.col(by).is_not_null()).group_by(by).agg(pl.len(), pl.col("flagged").sum())
        for name, sequences, found in sorted(groups.rows()):
            low, high = wilson(found, sequences) or (None, None)
            counts = {"sequences": sequences, "found": found, "recall": found / sequences}
            strata.append({"by": by, "name": name, **counts, "low": low, "high": high})
    return strata


def validate(result: Mapping[str, Any], schema: Path) -> None:
    """Check an evaluation against the schema.

    Raises
    ------
    UserError
        If the factors of the run, which come from the command line, do not fit.
    ValueError
        If anything else does not fit; that is a fault of the program.
    """
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(json.loads(schema.read_bytes())).iter_errors(result):
        place = ".".join(str(step) for step in error.absolute_path)
        if place.startswith("run"):
            raise UserError(f"The factors given by --run do not fit: {place}: {error.message}.")
        raise ValueError(f"the evaluation does not fit {schema} at {place}: {error.message}")


def protocol_in_words(run: Mapping[str, Any]) -> str:
    """Say what an evaluation counts as anomalous."""
    if run["protocol"] == "labelled":
        return "labelled test sequences"
    if run["anomaly_ratio"] is None:
        return "pseudo-anomalies"
    words = f"pseudo-anomalies, {100 * run['anomaly_ratio']:g} % of events changed"
    return words if run["prevalence"] is None else f"{words} in {100 * run['prevalence']:g} % of sequences"


def write_evaluation(result: Mapping[str, Any], test: pl.DataFrame, directory: Path, schema: Path) -> None:
    """Write the JSON and the two figures of an evaluation under the source documents' names.

    Parameters
    ----------
    result : mapping
        From `evaluate`.
    test : polars.DataFrame
        The rows it was made from.
    directory : Path
        Gets evaluation_results_epoch_N.json, score_dist_epoch_N.png and confusion_matrix_epoch_N.png.
    schema : Path
        JSON schema that the result must fit.
    """
    validate(result, schema)
    epoch, threshold = result["run"]["epoch"], result["threshold"]["value"]
    rows = test.drop_nulls("label")
    scores, truth = _scores(rows), _truth(rows)
    title, protocol = f"{result['run']['model']}, epoch {epoch}", protocol_in_words(result["run"])
    rule = f"threshold {threshold:.4g} ({result['threshold']['strategy']})" if threshold is not None else "its own rule"
    figures.score_distribution(
        scores[~truth], scores[truth], threshold, title, protocol, directory / f"score_dist_epoch_{epoch}.png"
    )
    figures.confusion_matrix(
        Counts(**result["counts"]),
        title,
        f"{protocol}\ndecided by {rule}",
        directory / f"confusion_matrix_epoch_{epoch}.png",
    )
    write_json(directory / f"evaluation_results_epoch_{epoch}.json", result)


def evaluate_files(
    *,
    protocol: str,
    scores: Path,
    mutated_scores: Path | None,
    score_facts: Path,
    training_facts: Path,
    overlap: Path,
    run: Mapping[str, Any],
    choice: Choice,
    decision: str,
    checkpoint: str,
    directory: Path,
    schema: Path,
) -> dict[str, Any]:
    """Evaluate saved scores and write the three files; see `evaluate` and `write_evaluation`.

    Raises
    ------
    UserError
        If an input is damaged or does not fit the others, or the protocol lacks what it needs.
    """
    seen, prevalence = read_parquet(overlap), run.get("prevalence")
    if (protocol == "prevalence") != (prevalence is not None):
        raise UserError("Give --run a prevalence if, and only if, --protocol is prevalence.")
    if protocol == "labelled":
        validation, test = labelled_parts(read_scores(scores), seen)
    elif mutated_scores is None:
        raise UserError(f"The {protocol} protocol needs --mutated-scores, the scores of the mutated sequences.")
    else:
        changed = read_scores(mutated_scores, mutated=True)
        validation, test = pseudo_parts(read_scores(scores), changed, seen, prevalence, run["seed"])
    result = evaluate(
        validation,
        test,
        protocol=protocol,
        run=run,
        choice=choice,
        decision=decision,
        training_facts=read_json(training_facts),
        score_facts=read_json(score_facts),
        checkpoint=checkpoint,
        made_from=digests_of(scores=scores, mutated_scores=mutated_scores, overlap=overlap),
    )
    write_evaluation(result, test, directory, schema)
    return result
