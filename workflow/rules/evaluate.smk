"""From scores to decisions and figures, once per checkpoint and protocol; no model is loaded."""


def run_factors(protocol):
    """Function that gives the factors of an evaluation as JSON."""

    def text(wildcards):
        factors = {name: wildcards[name] for name in ("dataset", "grouping", "split")}
        factors |= {"seed": int(wildcards.seed), "sample_size": int(wildcards.size)}
        factors |= {"model": wildcards.model, "epoch": int(wildcards.epoch), "protocol": protocol}
        return json.dumps(factors | {"anomaly_ratio": ratio_share(wildcards) if protocol == "pseudo" else None})

    return text


def evaluation_files(folder):
    """The files of one evaluation, named as users know them."""
    return {
        "results": under("model", f"{folder}/evaluation_results_epoch_{{epoch}}.json"),
        "scores": under("model", f"{folder}/score_dist_epoch_{{epoch}}.png"),
        "matrix": under("model", f"{folder}/confusion_matrix_epoch_{{epoch}}.png"),
    }


def mutated_option(wildcards, input):
    """Command-line options of the pseudo protocol."""
    return f"--protocol pseudo --mutated-scores {input.mutated}"


LABELLED = evaluation_files("evaluation=labelled/epoch_{epoch}")
PSEUDO = evaluation_files("evaluation=pseudo/ratio={ratio}/epoch_{epoch}")


rule evaluate_labelled:
    input:
        training=under("model", "checkpoints/epoch_{epoch}.json"),
        scores=under("model", "scores/epoch_{epoch}.parquet"),
        facts=under("model", "scores/epoch_{epoch}.json"),
        overlap=under("size", "overlap.parquet"),
    output:
        results=LABELLED["results"],
        scores=report(
            LABELLED["scores"],
            caption="../report/score_dist.rst",
            category="Labelled test data",
            subcategory="{dataset}",
            labels={"model": "{model}", "epoch": "{epoch}", "size": "{size}", "seed": "{seed}", "figure": "scores"},
        ),
        matrix=report(
            LABELLED["matrix"],
            caption="../report/confusion_matrix.rst",
            category="Labelled test data",
            subcategory="{dataset}",
            labels={"model": "{model}", "epoch": "{epoch}", "size": "{size}", "seed": "{seed}", "figure": "confusion"},
        ),
    log:
        log_of("model", "evaluate_labelled_epoch_{epoch}"),
    benchmark:
        benchmark_of("model", "evaluate_labelled_epoch_{epoch}")
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_digest("evaluate_scores.py"),
        run=run_factors("labelled"),
        protocol="--protocol labelled",
        strategy=config["evaluation"]["threshold"]["strategy"],
        false_positive_rate=config["evaluation"]["threshold"]["false_positive_rate"],
        targets=as_json("evaluation/threshold/targets"),
        decision=setting("models/{model}/decision"),
        checkpoint=checkpoint_of,
        folder=subpath(output.results, parent=True),
    message:
        "Evaluating {wildcards.model}, epoch {wildcards.epoch} ({wildcards.dataset}, {wildcards.size} sequences)"
    shell:
        "python {SCRIPTS}/evaluate_scores.py {params.protocol} --scores {input.scores} --score-facts {input.facts}"
        " --training-facts {input.training} --overlap {input.overlap} --run {params.run:q}"
        " --strategy {params.strategy} --false-positive-rate {params.false_positive_rate}"
        " --targets {params.targets:q} --decision {params.decision} --checkpoint {params.checkpoint}"
        " --schema {SCHEMAS}/evaluation.schema.json --output-dir {params.folder} --log {log}"


use rule evaluate_labelled as evaluate_pseudo with:
    input:
        training=under("model", "checkpoints/epoch_{epoch}.json"),
        scores=under("model", "scores/epoch_{epoch}.parquet"),
        facts=under("model", "scores/epoch_{epoch}.json"),
        overlap=under("size", "overlap.parquet"),
        mutated=under("model", "pseudo/ratio={ratio}/scores/epoch_{epoch}.parquet"),
    output:
        results=PSEUDO["results"],
        scores=report(
            PSEUDO["scores"],
            caption="../report/score_dist.rst",
            category="Pseudo-anomalies",
            subcategory="{dataset}",
            labels={"model": "{model}", "epoch": "{epoch}", "ratio": "{ratio}", "size": "{size}", "figure": "scores"},
        ),
        matrix=report(
            PSEUDO["matrix"],
            caption="../report/confusion_matrix.rst",
            category="Pseudo-anomalies",
            subcategory="{dataset}",
            labels={
                "model": "{model}",
                "epoch": "{epoch}",
                "ratio": "{ratio}",
                "size": "{size}",
                "figure": "confusion",
            },
        ),
    log:
        log_of("model", "evaluate_pseudo_{ratio}_epoch_{epoch}"),
    benchmark:
        benchmark_of("model", "evaluate_pseudo_{ratio}_epoch_{epoch}")
    params:
        code=code_digest("evaluate_scores.py"),
        run=run_factors("pseudo"),
        protocol=mutated_option,
        strategy=config["evaluation"]["threshold"]["strategy"],
        false_positive_rate=config["evaluation"]["threshold"]["false_positive_rate"],
        targets=as_json("evaluation/threshold/targets"),
        decision=setting("models/{model}/decision"),
        checkpoint=checkpoint_of,
        folder=subpath(output.results, parent=True),
