"""Pseudo-anomalies: validation sequences, mutated."""


rule mutate_sequences:
    input:
        validation=under("seed", "validation.parquet"),
        train=under("seed", "train.parquet"),
    output:
        mutated=under("seed", "pseudo/ratio={ratio}/mutated.parquet"),
        manifest=under("seed", "pseudo/ratio={ratio}/manifest.parquet"),
    log:
        log_of("seed", "mutate_{ratio}"),
    benchmark:
        benchmark_of("seed", "mutate_{ratio}")
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("mutate_sequences.py"),
        script=script("mutate_sequences.py"),
        sessions=config["evaluation"]["pseudo"]["sessions"],
        operators=config["evaluation"]["pseudo"]["operators"],
        share=ratio_share,
    message:
        "Mutating validation sequences of {wildcards.dataset} at ratio {params.share}"
    shell:
        "python {params.script} --validation {input.validation} --train {input.train}"
        " --sessions {params.sessions} --anomaly-ratio {params.share} --operators {params.operators}"
        " --seed {wildcards.seed} --output {output.mutated} --manifest {output.manifest} --log {log}"
