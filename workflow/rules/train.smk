"""Training: one job per epoch, each going on from its predecessor's checkpoint."""


rule train_epoch:
    input:
        train=under("seed", "train.parquet"),
        templates=under("seed", "templates.parquet"),
        values=values_of("train"),
        previous=previous_checkpoint,
    output:
        checkpoint=under("model", "checkpoints/epoch_{epoch}.pt"),
        facts=under("model", "checkpoints/epoch_{epoch}.json"),
    log:
        log_of("model", "train_epoch_{epoch}"),
    benchmark:
        benchmark_of("model", "train_epoch_{epoch}")
    wildcard_constraints:
        model=one_of(models_with("torch")),
    group:
        EPOCHS_GROUP
    conda:
        "../../envs/models.yaml"
    threads: config["compute"]["model_threads"]
    resources:
        **EPOCH,
        gpu=gpus,
    params:
        code=model_code("train_epoch.py"),
        script=script("train_epoch.py"),
        module=setting("models/{model}/module"),
        hyper=hyper_json,
        vectors=vectors_digest,
        device=config["compute"]["device"],
        # Snakemake lowers `threads` to the cores there are; another number would change the last digits.
        model_threads=config["compute"]["model_threads"],
        previous=previous_option,
        values=values_option,
    message:
        "Training {wildcards.model}, epoch {wildcards.epoch} ({wildcards.dataset}, {wildcards.size} sequences)"
    shell:
        "python {params.script} --module {params.module} --variant {wildcards.model} --hyper {params.hyper:q}"
        " --train {input.train} --templates {input.templates} {params.values}"
        " --sample-size {wildcards.size} --seed {wildcards.seed} --epoch {wildcards.epoch} {params.previous}"
        " --device {params.device} --threads {params.model_threads} --output {output.checkpoint} --facts {output.facts} --log {log}"


# Models without epochs and without torch: one fit, in a smaller environment.
use rule train_epoch as fit_baseline with:
    input:
        train=under("seed", "train.parquet"),
        templates=under("seed", "templates.parquet"),
        values=values_of("train"),
        previous=[],
    output:
        checkpoint=under("model", "checkpoints/epoch_{epoch}.npz"),
        facts=under("model", "checkpoints/epoch_{epoch}.json"),
    log:
        log_of("model", "fit_{epoch}"),
    benchmark:
        benchmark_of("model", "fit_{epoch}")
    wildcard_constraints:
        model=one_of(models_with("numpy")),
    conda:
        "../../envs/analysis.yaml"
    message:
        "Fitting {wildcards.model} ({wildcards.dataset}, {wildcards.size} sequences)"
