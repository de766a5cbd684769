"""From lines to sequences: by session key, by a window of lines, or by a span of time."""


rule group_sequences:
    input:
        lines=under("dataset", "lines.parquet"),
        labels=label_file("file"),
        kinds=label_file("kinds"),
        made_by=label_record,
    output:
        sequences=under("grouping", "sequences.parquet"),
        report=under("grouping", "sequences.json"),
    log:
        log_of("grouping", "sequence"),
    benchmark:
        benchmark_of("grouping", "sequence")
    conda:
        "../../envs/data.yaml"
    threads: config["compute"]["parse_threads"]
    resources:
        **READER,
        memory_mb=config["compute"]["memory_mb"],
    params:
        code=code_digest("group_sequences.py"),
        script=script("group_sequences.py"),
        digest=label_digest,
        by=setting("groupings/{grouping}/by"),
        length=option("length", "groupings/{grouping}/length"),
        stride=option("stride", "groupings/{grouping}/stride"),
        label=setting("groupings/{grouping}/label"),
        labels=label_options,
        made_by=made_by_option,
    message:
        "Grouping the lines of {wildcards.dataset} by {wildcards.grouping}"
    shell:
        "python {params.script} --lines {input.lines} --by {params.by} {params.length} {params.stride}"
        " --label {params.label} {params.labels} {params.made_by} --memory-mb {resources.memory_mb} --output {output.sequences} --report {output.report} --log {log}"
