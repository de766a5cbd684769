"""The numbers in messages, for the models that read them (`values: true`); built for no other."""


rule extract_values:
    input:
        raw=raw_log,
        made_by=raw_record,
    output:
        values=under("dataset", "values.parquet"),
    log:
        log_of("dataset", "values"),
    benchmark:
        benchmark_of("dataset", "values")
    wildcard_constraints:
        dataset=one_of(datasets_from("file", "url", "simulate")),
    conda:
        "../../envs/data.yaml"
    threads: config["compute"]["parse_threads"]
    resources:
        **READER,
    params:
        code=code_digest("extract_values.py"),
        script=script("extract_values.py"),
        raw=raw_options,
        made_by=made_by_option,
        digest=raw_digest,
        format_name=format_name,
        format=format_json,
    message:
        "Extracting the numbers in the log of {wildcards.dataset}"
    shell:
        "python {params.script} {params.raw} {params.made_by} --format-name {params.format_name}"
        " --format {params.format:q} --threads {threads} --output {output.values} --log {log}"


rule align_values:
    input:
        values=under("dataset", "values.parquet"),
        lines=under("dataset", "lines.parquet"),
        sequences=under("grouping", "sequences.parquet"),
        train=under("seed", "train.parquet"),
        validation=under("seed", "validation.parquet"),
        test=under("seed", "test.parquet"),
    output:
        train=under("seed", "train_values.parquet"),
        validation=under("seed", "validation_values.parquet"),
        test=under("seed", "test_values.parquet"),
    log:
        log_of("seed", "align_values"),
    benchmark:
        benchmark_of("seed", "align_values")
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("align_values.py"),
        script=script("align_values.py"),
        by=setting("groupings/{grouping}/by"),
    message:
        "Laying numbers beside the sequences of {wildcards.dataset} ({wildcards.split}, seed {wildcards.seed})"
    shell:
        "python {params.script} --values {input.values} --lines {input.lines} --sequences {input.sequences}"
        " --by {params.by} --train {input.train} --validation {input.validation} --test {input.test}"
        " --train-values {output.train} --validation-values {output.validation} --test-values {output.test}"
        " --log {log}"
