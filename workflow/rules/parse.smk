"""From raw lines to Parquet: header, time, session keys, masked message; what cannot be used is listed."""


rule parse_log:
    input:
        raw=raw_log,
    output:
        lines=under("dataset", "lines.parquet"),
        messages=under("dataset", "messages.parquet"),
        rejects=under("dataset", "rejects.parquet"),
        report=under("dataset", "parse_report.json"),
    log:
        log_of("dataset", "parse"),
    benchmark:
        benchmark_of("dataset", "parse")
    wildcard_constraints:
        dataset=one_of(datasets_from("file", "url", "simulate")),
    conda:
        "../../envs/data.yaml"
    threads: config["compute"]["parse_threads"]
    params:
        code=code_digest("parse_log.py"),
        script=script("parse_log.py"),
        digest=raw_digest,
        format_name=format_name,
        format=format_json,
    message:
        "Parsing the log of {wildcards.dataset}"
    shell:
        "python {params.script} --input {input.raw:q} --format-name {params.format_name}"
        " --format {params.format:q} --threads {threads} --lines {output.lines} --messages {output.messages}"
        " --rejects {output.rejects} --report {output.report} --log {log}"
