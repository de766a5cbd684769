"""Sequences of event ids that someone else has prepared, in place of raw lines."""


rule adopt_sequences:
    input:
        ready_inputs,
    output:
        sequences=under("dataset", "adopted.parquet"),
        messages=under("dataset", "messages.parquet"),
        report=under("dataset", "adopted.json"),
    log:
        log_of("dataset", "adopt"),
    benchmark:
        benchmark_of("dataset", "adopt")
    wildcard_constraints:
        dataset=one_of(datasets_from("sessions")),
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("adopt_sequences.py"),
        script=script("adopt_sequences.py"),
        digests=ready_digests,
        sessions=as_json("datasets/{dataset}/source/sessions"),
        templates=as_json("datasets/{dataset}/source/templates"),
    message:
        "Taking over the sequences of {wildcards.dataset}"
    shell:
        "python {params.script} --sessions {params.sessions:q} --templates {params.templates:q}"
        " --sequences {output.sequences} --messages {output.messages} --report {output.report} --log {log}"
