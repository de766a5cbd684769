"""Which validation and test sequences the training sample already contains."""


rule measure_overlap:
    input:
        train=under("seed", "train.parquet"),
        validation=under("seed", "validation.parquet"),
        test=under("seed", "test.parquet"),
    output:
        overlap=under("size", "overlap.parquet"),
        report=under("size", "overlap.json"),
    log:
        log_of("size", "overlap"),
    benchmark:
        benchmark_of("size", "overlap")
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("measure_overlap.py"),
        script=script("measure_overlap.py"),
    message:
        "Measuring the overlap of training and test ({wildcards.dataset}, {wildcards.size} training sequences)"
    shell:
        "python {params.script} --train {input.train} --sample-size {wildcards.size}"
        " --validation {input.validation} --test {input.test} --output {output.overlap} --report {output.report}"
        " --log {log}"
