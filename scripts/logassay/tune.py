"""Tuning: which hyperparameters of a variant serve best on validation data; the test part is never read.

Finished trials are kept one by one, so that a killed or enlarged search goes on where it was.
"""

import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import polars as pl
import yaml
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from logassay import models, train
from logassay.corpus import ANOMALOUS, Corpus, read_corpus
from logassay.digest import code_digest
from logassay.errors import UserError
from logassay.files import read_json, sha256_of, write_json, write_parquet, write_text
from logassay.metrics import Booleans, average_precision, roc_auc, sweep
from logassay.models.base import Detector, Scores, read_hyperparameters
from logassay.score import score_corpus
from logassay.threshold import sweep_rates

log = logging.getLogger("logassay")

OBJECTIVES = ("auto", "roc_auc", "average_precision", "f1", "validation_loss")
"""What a trial is judged by; all but the loss need both labels in the validation part."""
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}


def default_space(hyper: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is searched where nothing is said: of these three the hyperparameters that the model has."""
    size = hyper.get("batch_size", 0)
    space: dict[str, dict[str, Any]] = {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "batch_size": {"choices": sorted({max(1, size // 2), size, 2 * size})},
        "history": {"choices": [10, 15, 20]},
    }
    return {name: searched for name, searched in space.items() if name in hyper}


def distributions(
    space: dict[str, dict[str, Any]], kind: type[Detector], hyper: dict[str, Any], variant: str
) -> dict[str, BaseDistribution]:
    """Check a search space and return it as Optuna has it.

    Parameters
    ----------
    space : dict
        For each hyperparameter `low`, `high` and perhaps `log`, or `choices`.
    kind : type
        The model.
    hyper : dict
        All hyperparameters of the variant.
    variant : str
        Its name, for messages.

    Raises
    ------
    UserError
        If a hyperparameter is unknown, its entry is not one of the two forms, or the model refuses its values.
    """
    if not space:
        raise UserError(f"There is nothing to tune in {variant}; name one of its hyperparameters under tune.space.")
    found: dict[str, BaseDistribution] = {}
    for name, searched in space.items():
        key = f"tune.space.{name}"
        if name not in hyper:
            raise UserError(
                f"{key} is not a hyperparameter of {variant}; it has: {', '.join(hyper) or 'none'}. "
                "Correct or remove the key."
            )
        low, high, choices = (searched.get(part) for part in ("low", "high", "choices"))
        number = type(hyper[name]) in (int, float)
        ranged = number and low is not None and high is not None
        if not (ranged if choices is None else low is None and high is None):
            wanted = "either choices, or low and high" if number else "choices, as it is not a number"
            raise UserError(f"{key} must have {wanted}; correct the key.")
        for value in choices or (low, high):
            try:
                read_hyperparameters(kind.hyper_kind, hyper | {name: value}, variant)
            except UserError as error:
                raise UserError(f"{key} has a value that {variant} does not take: {error}") from None
        found[name] = CategoricalDistribution(choices) if choices else _range(key, searched, type(hyper[name]))
    return found


def _range(key: str, searched: dict[str, Any], kind: type) -> BaseDistribution:
    low, high, logarithmic = searched["low"], searched["high"], bool(searched.get("log"))
    if low > high or (logarithmic and low <= 0):
        raise UserError(f"{key} goes from {low} to {high}; low must be the smaller one, and positive with log.")
    return (IntDistribution if kind is int else FloatDistribution)(low, high, log=logarithmic)


def choose_objective(wanted: str, anomalous: Booleans) -> str:
    """Return the objective for validation labels, shape (sequences,); "auto" is the area under the ROC curve if it can.

    Raises
    ------
    UserError
        If the validation part lacks the sequences that the objective needs.
    """
    if anomalous.all():
        raise UserError(
            "The validation part has no sequence that is not anomalous, so that nothing can be tuned on it; "
            "use more data or a larger share for validation."
        )
    if wanted == "auto":
        return "roc_auc" if anomalous.any() else "validation_loss"
    if wanted != "validation_loss" and not anomalous.any():
        raise UserError(
            f"tune.objective is {wanted}, but the validation part has no sequence that is labelled anomalous; "
            "use validation_loss or auto."
        )
    return wanted


def measure(objective: str, scores: Scores, anomalous: Booleans) -> float:
    """Return the objective of validation scores; a sequence without a label counts as normal.

    `f1` is that of the best threshold, `validation_loss` the mean loss of the normal sequences.

    Raises
    ------
    UserError
        If the loss is wanted and the model has none.
    """
    if objective == "validation_loss":
        if scores.loss is None:
            raise UserError(
                "The model predicts no events, so that it has no validation loss to be tuned by; use validation data "
                "with both labels, or take the model out of tune.models."
            )
        return float(scores.loss[~anomalous].mean())
    curve = sweep(scores.score, anomalous)
    if objective == "f1":
        return float(np.nanmax(sweep_rates(curve)["f1"]))
    value = {"roc_auc": roc_auc, "average_precision": average_precision}[objective](curve)
    assert value is not None
    return value


def next_trial(
    kept: list[dict[str, Any]],
    searched: dict[str, BaseDistribution],
    hyper: dict[str, Any],
    objective: str,
    seed: int,
) -> optuna.Trial:
    """Ask Optuna for the trial after those that are kept.

    The study is made anew of them each time, and the sampler seeded by the trial's number: nothing else can make a
    search that goes on differ from one that was never interrupted. Optuna's own journal would leave the number of a
    trial that was killed taken, and cannot be read again after a line that was half written has been continued.

    The first trial is the variant as it is, where the space allows: what is found is then never worse.
    """
    number = len(kept)
    sampler = optuna.samplers.TPESampler(seed=int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))
    direction = "minimize" if objective == "validation_loss" else "maximize"
    # The first epoch says too little to give up after it.
    pruner = optuna.pruners.MedianPruner(n_warmup_steps=2)
    study = optuna.create_study(direction=direction, sampler=sampler, pruner=pruner)
    study.add_trials(
        optuna.trial.create_trial(
            state=STATES[each["state"]],
            value=each["values"][-1] if each["state"] != FAILED else None,
            params=each["hyper"],
            distributions=searched,
            intermediate_values=dict(enumerate(each["values"], start=1)),
        )
        for each in kept
    )
    if not kept:
        own = {name: hyper[name] for name, scale in searched.items() if _inside(scale, hyper[name])}
        study.enqueue_trial(own)
    return study.ask(searched)


def _inside(scale: BaseDistribution, value: Any) -> bool:
    if isinstance(scale, CategoricalDistribution):
        return value in scale.choices
    assert isinstance(scale, IntDistribution | FloatDistribution)
    return bool(scale.low <= value <= scale.high)


def run(
    *,
    variant: str,
    definition: dict[str, Any],
    train_path: Path,
    validation: Path,
    templates: Path | None,
    train_values: Path | None,
    validation_values: Path | None,
    spared: int = 0,
    sample_size: int,
    seed: int,
    space: dict[str, dict[str, Any]] | None,
    objective: str,
    trials: int,
    epochs: int,
    device: str,
    threads: int,
    kept: Path,
    table: Path,
    output: Path,
) -> None:
    """Search, and write the table of trials and the best one as a variant.

    Parameters
    ----------
    variant : str
        Name of the variant to tune.
    definition : dict
        Its entry in config/models.yaml.
    train_path, validation : Path
        train.parquet and validation.parquet.
    templates : Path or None
        templates.parquet; models that read no templates need none.
    train_values, validation_values : Path or None
        train_values.parquet and validation_values.parquet; models that read no numbers need none.
    spared : int
        Normal sequences at the begin of the validation part that are left out: the pseudo protocols judge them, and a
        variant must not be judged on what it was tuned on.
    sample_size : int
        Number of the first rows of train.parquet to use.
    seed : int
        Seed of the search and of every training in it.
    space : dict or None
        What is searched, see `distributions`; None takes `default_space`.
    objective : str
        One of `OBJECTIVES`.
    trials : int
        Number of trials altogether, those that are kept included.
    epochs : int
        Epochs of each trial; it is judged after the last.
    device : str
        "auto", "cpu" or "cuda".
    threads : int
        Threads torch may use.
    kept : Path
        Folder in which trials are kept: a file for each search, so that another space, other data or other code begins
        anew and comes back to its own.
    table, output : Path
        Where the trials and the variant go.

    Raises
    ------
    UserError
        If the space or the objective does not fit the model or the data, the budget is empty, or the first trial fails.
    """
    if trials < 1 or epochs < 1:
        raise UserError(f"There are to be {trials} trials of {epochs} epochs; give at least 1 of each.")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    module = definition["module"]
    kind = models.load(module)
    kind.set_threads(threads)
    hyper = kind(definition["hyper"], seed, device, variant).hyperparameters
    space = default_space(hyper) if space is None else space
    searched = distributions(space, kind, hyper, variant)
    corpus = read_corpus(train_path, sample_size, models.needed_values(kind, train_values))
    judged = read_corpus(validation, values=models.needed_values(kind, validation_values))
    judged = judged.take(np.setdiff1d(np.arange(len(judged)), np.flatnonzero(judged.labels != ANOMALOUS)[:spared]))
    if not (judged.labels != ANOMALOUS).any():
        raise UserError(
            f"{validation} has no normal sequence beside the {spared} that are judged intact and mutated; lower "
            "evaluation.pseudo.sessions, or use more data."
        )
    corpus = corpus if kind.supervised else corpus.not_anomalous()
    anomalous = judged.labels == ANOMALOUS
    chosen = choose_objective(objective, anomalous)
    log.info("judging by %s: the validation part has %d anomalous sequences", chosen, anomalous.sum())
    vectors = hyper.get("vectors")
    words = Path(vectors) if isinstance(vectors, str) and vectors else None
    files = (train_path, validation, templates, train_values, validation_values, words)
    search = {
        "module": module,
        "hyper": hyper,
        "space": space,
        "objective": chosen,
        "epochs": epochs,
        "seed": seed,
        "sample_size": sample_size,
        "spared": spared,
        "data": {path.name: sha256_of(path) for path in files if path is not None},
        "code": code_digest("tune_model.py", f"logassay.models.{module.replace('-', '_')}"),
    }
    name = hashlib.sha256(json.dumps(search, sort_keys=True).encode()).hexdigest()[:16]
    path = kept / f"{name}.json"
    done: list[dict[str, Any]] = read_json(path)["trials"] if path.is_file() else []
    log.info("%d of %d trials are kept in %s", len(done), trials, path)
    while len(done) < trials:
        trial = next_trial(done, searched, hyper, chosen, seed)
        detector = kind(hyper | trial.params, seed, device, variant)
        models.give_templates(detector, templates)
        done.append(run_trial(trial, detector, corpus, judged, chosen, epochs, train_path))
        write_json(path, {"search": search, "trials": done})
        told = {name: done[-1][name] for name in ("state", "hyper", "values")}
        log.info("trial %d of %d: %s", len(done), trials, json.dumps(told))
    done = done[:trials]
    best = best_of(done, chosen)
    write_parquet(tabulate(done), table)
    write_text(output, variant_file(variant, definition, hyper | best["hyper"], best, chosen, search, trials))


def run_trial(
    trial: optuna.Trial,
    detector: Detector,
    corpus: Corpus,
    judged: Corpus,
    objective: str,
    epochs: int,
    source: Path,
) -> dict[str, Any]:
    """Train and judge after each epoch, until the last one or until Optuna's median rule sees no hope.

    Returns
    -------
    dict
        `number`, `state`, `hyper` (what was searched), `values` (the objective after each epoch), `reason` (why it
        failed) and `seconds`. A training that diverges is a failed trial; but not the first, where it is a mistake.
    """
    begin = time.perf_counter()
    state, reason = COMPLETE, None
    values: list[float] = []
    for epoch in range(1, epochs + 1):
        try:
            train.fit(detector, corpus, source)
            scores = score_corpus(detector, judged)
            if not np.isfinite(scores.score).all():
                raise UserError("The scores are not finite numbers; lower the learning rate.")
        except UserError as error:
            if trial.number == 0:
                raise
            state, reason = FAILED, str(error)
            break
        values.append(measure(objective, scores, judged.labels == ANOMALOUS))
        trial.report(values[-1], epoch)
        if epoch < epochs and trial.should_prune():
            state = PRUNED
            break
    return {
        "number": trial.number,
        "state": state,
        "hyper": trial.params,
        "values": values,
        "reason": reason,
        "seconds": time.perf_counter() - begin,
    }


def best_of(trials: list[dict[str, Any]], objective: str) -> dict[str, Any]:
    """Return the complete trial with the best last value, of equals the first."""
    sign = -1 if objective == "validation_loss" else 1
    complete = [each for each in trials if each["state"] == COMPLETE]
    return max(complete, key=lambda each: sign * each["values"][-1])


def tabulate(trials: list[dict[str, Any]]) -> pl.DataFrame:
    """Return one row per trial: number, state, value, each hyperparameter, epochs, values, reason, seconds."""
    schema = {"number": pl.Int32, "state": pl.String, "value": pl.Float64}
    last = {"epochs": pl.Int32, "values": pl.List(pl.Float64), "reason": pl.String, "seconds": pl.Float64}
    rows = [
        {
            **each,
            **each["hyper"],
            "value": each["values"][-1] if each["values"] else None,
            "epochs": len(each["values"]),
        }
        for each in trials
    ]
    hyper = dict.fromkeys(trials[0]["hyper"])
    return pl.DataFrame(rows, schema=schema | hyper | last, infer_schema_length=None)


def variant_file(
    variant: str,
    definition: dict[str, Any],
    hyper: dict[str, Any],
    best: dict[str, Any],
    objective: str,
    search: dict[str, Any],
    trials: int,
) -> str:
    """Return a configuration file that defines `<variant>-tuned`."""
    name = f"{variant}-tuned"
    text = (
        f"{variant}, tuned: {objective} {best['values'][-1]:.6g} on validation data after epoch {search['epochs']}, "
        f"the best of {trials} trials (number {best['number']}, seed {search['seed']}, "
        f"{search['sample_size']} training sequences)"
    )
    entry = {"module": definition["module"], "description": text}
    entry |= {key: value for key, value in definition.items() if key not in ("module", "description", "hyper")}
    entry["hyper"] = hyper
    begin = f"# Found by tuning. Give it with --configfile, after the study's file, and list {name} in study.models.\n"
    return begin + yaml.safe_dump({"models": {name: entry}}, sort_keys=False, allow_unicode=True, width=100)
