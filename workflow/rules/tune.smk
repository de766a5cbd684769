"""Optional tuning: hyperparameters searched on validation data, asked for by the target `tune_models`."""


rule tune_model:
    input:
        train=under("seed", "train.parquet"),
        validation=under("seed", "validation.parquet"),
        templates=under("seed", "templates.parquet"),
        values=values_of("train", "validation"),
    output:
        table=under("size", "tune={model}/trials.parquet"),
        variant=under("size", "tune={model}/variant.yaml"),
    log:
        log_of("size", "tune_{model}"),
    benchmark:
        benchmark_of("size", "tune_{model}")
    wildcard_constraints:
        model=one_of(config["tune"]["models"]),
    conda:
        "../../envs/models.yaml"
    threads: config["compute"]["model_threads"]
    resources:
        **TUNING,
        gpu=gpus,
    params:
        code=model_code("tune_model.py"),
        script=script("tune_model.py"),
        definition=definition_json,
        vectors=vectors_digest,
        spared=spared_sessions(),
        space=as_json("tune/space"),
        objective=config["tune"]["objective"],
        trials=config["tune"]["trials"],
        epochs=tuning_epochs,
        values=tuning_values_options,
        device=config["compute"]["device"],
        # Not `threads`, as in training.
        model_threads=config["compute"]["model_threads"],
        # Not an output: Snakemake deletes those before a job and after a failure, and the trials have to outlive both.
        kept=subpath(output.table, parent=True),
    message:
        "Tuning {wildcards.model}: {params.trials} trials ({wildcards.dataset}, {wildcards.size} sequences)"
    shell:
        "python {params.script} --variant {wildcards.model} --definition {params.definition:q} --train {input.train}"
        " --validation {input.validation} --templates {input.templates} {params.values}"
        " --spared {params.spared} --sample-size {wildcards.size} --seed {wildcards.seed} --space {params.space:q}"
        " --objective {params.objective} --trials {params.trials} --epochs {params.epochs} --device {params.device}"
        " --threads {params.model_threads} --kept {params.kept}/kept --table {output.table} --output {output.variant} --log {log}"


rule tune_models:
    input:
        tuned_variants,
