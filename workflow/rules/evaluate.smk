"""From scores to decisions and figures, once per checkpoint and protocol; no model is loaded."""


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
        script=script("evaluate_scores.py"),
        run=run_factors("labelled"),
        protocol="--protocol labelled",
        strategy=config["evaluation"]["threshold"]["strategy"],
        false_positive_rate=config["evaluation"]["threshold"]["false_positive_rate"],
        targets=deciding_targets(),
        decision=setting("models/{model}/decision"),
        checkpoint=checkpoint_of,
        folder=subpath(output.results, parent=True),
        schema=SCHEMA,
    message:
        "Evaluating {wildcards.model}, epoch {wildcards.epoch} ({wildcards.dataset}, {wildcards.size} sequences)"
    shell:
        "python {params.script} {params.protocol} --scores {input.scores} --score-facts {input.facts}"
        " --training-facts {input.training} --overlap {input.overlap} --run {params.run:q}"
        " --strategy {params.strategy} --false-positive-rate {params.false_positive_rate}"
        " --targets {params.targets:q} --decision {params.decision} --checkpoint {params.checkpoint}"
        " --schema {params.schema} --output-dir {params.folder} --log {log}"


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
        script=script("evaluate_scores.py"),
        run=run_factors("pseudo"),
        protocol=mutated_option("pseudo"),
        strategy=config["evaluation"]["threshold"]["strategy"],
        false_positive_rate=config["evaluation"]["threshold"]["false_positive_rate"],
        targets=deciding_targets(),
        decision=setting("models/{model}/decision"),
        checkpoint=checkpoint_of,
        folder=subpath(output.results, parent=True),
        schema=SCHEMA,


use rule evaluate_pseudo as evaluate_prevalence with:
    output:
        results=PREVALENCE["results"],
        scores=report(
            PREVALENCE["scores"],
            caption="../report/score_dist.rst",
            category="Pseudo-anomalies at a prevalence",
            subcategory="{dataset}",
            labels={
                "model": "{model}",
                "epoch": "{epoch}",
                "ratio": "{ratio}",
                "prevalence": "{share}",
                "size": "{size}",
                "figure": "scores",
            },
        ),
        matrix=report(
            PREVALENCE["matrix"],
            caption="../report/confusion_matrix.rst",
            category="Pseudo-anomalies at a prevalence",
            subcategory="{dataset}",
            labels={
                "model": "{model}",
                "epoch": "{epoch}",
                "ratio": "{ratio}",
                "prevalence": "{share}",
                "size": "{size}",
                "figure": "confusion",
            },
        ),
    log:
        log_of("model", "evaluate_prevalence_{ratio}_{share}_epoch_{epoch}"),
    benchmark:
        benchmark_of("model", "evaluate_prevalence_{ratio}_{share}_epoch_{epoch}")
    params:
        code=code_digest("evaluate_scores.py"),
        script=script("evaluate_scores.py"),
        run=run_factors("prevalence"),
        protocol=mutated_option("prevalence"),
        strategy=config["evaluation"]["threshold"]["strategy"],
        false_positive_rate=config["evaluation"]["threshold"]["false_positive_rate"],
        targets=deciding_targets(),
        decision=setting("models/{model}/decision"),
        checkpoint=checkpoint_of,
        folder=subpath(output.results, parent=True),
        schema=SCHEMA,
