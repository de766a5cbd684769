"""Training, validation and test: divided before anything is learned."""


rule split_sequences:
    input:
        sequences=sequences_of,
        report=sequence_report_of,
    output:
        split=under("seed", "split.parquet"),
        report=under("seed", "split.json"),
    log:
        log_of("seed", "split"),
    benchmark:
        benchmark_of("seed", "split")
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("split_sequences.py"),
        script=script("split_sequences.py"),
        order=setting("splits/{split}/order"),
        train=setting("splits/{split}/train"),
        validation=setting("splits/{split}/validation"),
        test=setting("splits/{split}/test"),
        gap=option("gap", "splits/{split}/gap"),
        anomalous=setting("splits/{split}/anomalous"),
    message:
        "Splitting {wildcards.dataset} ({wildcards.split}, seed {wildcards.seed})"
    shell:
        "python {params.script} --sequences {input.sequences} --sequence-report {input.report}"
        " --order {params.order} --train {params.train} --validation {params.validation} --test {params.test}"
        " {params.gap} --anomalous {params.anomalous} --seed {wildcards.seed} --output {output.split} --report {output.report} --log {log}"
