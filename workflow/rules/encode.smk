"""The three parts of a split as sequences of event ids."""


rule encode_sequences:
    input:
        sequences=sequences_of,
        split=under("seed", "split.parquet"),
        message_events=under("seed", "message_events.parquet"),
        templates=under("seed", "templates.parquet"),
    output:
        train=under("seed", "train.parquet"),
        validation=under("seed", "validation.parquet"),
        test=under("seed", "test.parquet"),
        report=under("seed", "encode.json"),
    log:
        log_of("seed", "encode"),
    benchmark:
        benchmark_of("seed", "encode")
    conda:
        "../../envs/data.yaml"
    resources:
        **READER,
        memory_mb=config["compute"]["memory_mb"],
    params:
        code=code_digest("encode_sequences.py"),
        script=script("encode_sequences.py"),
    message:
        "Encoding sequences of {wildcards.dataset} ({wildcards.split}, seed {wildcards.seed})"
    shell:
        "python {params.script} --sequences {input.sequences} --split {input.split}"
        " --message-events {input.message_events} --templates {input.templates} --memory-mb {resources.memory_mb} --train {output.train}"
        " --validation {output.validation} --test {output.test} --report {output.report} --log {log}"
