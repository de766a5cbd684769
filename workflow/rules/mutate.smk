"""Pseudo-anomalies: validation sequences, mutated."""


def ratio_share(wildcards):
    """The anomaly ratio that a path stands for."""
    return int(wildcards.ratio) / 10_000


rule mutate_sequences:
    input:
        validation=under("seed", "validation.parquet"),
        templates=under("seed", "templates.parquet"),
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
        sessions=config["evaluation"]["pseudo"]["sessions"],
        operators=config["evaluation"]["pseudo"]["operators"],
        share=ratio_share,
    message:
        "Mutating validation sequences of {wildcards.dataset} at ratio {params.share}"
    shell:
        "python {SCRIPTS}/mutate_sequences.py --validation {input.validation} --templates {input.templates}"
        " --sessions {params.sessions} --anomaly-ratio {params.share} --operators {params.operators}"
        " --seed {wildcards.seed} --output {output.mutated} --manifest {output.manifest} --log {log}"
