"""Scores of every validation and test sequence, once per checkpoint; and of the mutated sequences."""


rule score_sequences:
    input:
        checkpoint=checkpoint_of,
        templates=under("seed", "templates.parquet"),
        validation=under("seed", "validation.parquet"),
        test=under("seed", "test.parquet"),
        values=values_of("validation", "test"),
    output:
        scores=under("model", "scores/epoch_{epoch}.parquet"),
        facts=under("model", "scores/epoch_{epoch}.json"),
    log:
        log_of("model", "score_epoch_{epoch}"),
    benchmark:
        benchmark_of("model", "score_epoch_{epoch}")
    conda:
        "../../envs/models.yaml"
    threads: config["compute"]["model_threads"]
    resources:
        **MODEL,
        gpu=gpus,
    params:
        code=model_code("score_sequences.py"),
        script=script("score_sequences.py"),
        device=config["compute"]["device"],
        # Not `threads`, as in training.
        model_threads=config["compute"]["model_threads"],
        limit=limit_option,
        values=named_values_options,
    message:
        "Scoring with {wildcards.model}, epoch {wildcards.epoch} ({wildcards.dataset}, {wildcards.size} sequences)"
    shell:
        "python {params.script} --checkpoint {input.checkpoint} --templates {input.templates}"
        " --sequences validation={input.validation} --sequences test={input.test} {params.limit}"
        " {params.values} --device {params.device} --threads {params.model_threads} --output {output.scores} --facts {output.facts} --log {log}"


rule score_mutated:
    input:
        checkpoint=checkpoint_of,
        templates=under("seed", "templates.parquet"),
        mutated=under("seed", "pseudo/ratio={ratio}/mutated.parquet"),
        values=values_of("validation"),
    output:
        scores=under("model", "pseudo/ratio={ratio}/scores/epoch_{epoch}.parquet"),
        facts=under("model", "pseudo/ratio={ratio}/scores/epoch_{epoch}.json"),
    log:
        log_of("model", "score_mutated_{ratio}_epoch_{epoch}"),
    benchmark:
        benchmark_of("model", "score_mutated_{ratio}_epoch_{epoch}")
    conda:
        "../../envs/models.yaml"
    threads: config["compute"]["model_threads"]
    resources:
        **MODEL,
        gpu=gpus,
    params:
        code=model_code("score_sequences.py"),
        script=script("score_sequences.py"),
        device=config["compute"]["device"],
        # Not `threads`, as in training.
        model_threads=config["compute"]["model_threads"],
        values=named_values_options,
    message:
        "Scoring mutated sequences with {wildcards.model}, epoch {wildcards.epoch} ({wildcards.dataset})"
    shell:
        "python {params.script} --checkpoint {input.checkpoint} --templates {input.templates}"
        " --mutated {input.mutated} {params.values} --device {params.device} --threads {params.model_threads} --output {output.scores}"
        " --facts {output.facts} --log {log}"
