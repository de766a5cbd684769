"""From raw lines to Parquet: header, time, session keys, masked message; what cannot be used is listed.

In one job, or scattered over chunks of the log (compute.parse_chunks) and gathered again; the files are the same.
"""

if PARSE_CHUNKS == 1:

    rule parse_log:
        input:
            raw=raw_log,
            made_by=raw_record,
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
        resources:
            **READER,
            memory_mb=config["compute"]["memory_mb"],
        params:
            code=code_digest("parse_log.py"),
            script=script("parse_log.py"),
            raw=raw_options,
            made_by=made_by_option,
            digest=raw_digest,
            format_name=format_name,
            format=format_json,
        message:
            "Parsing the log of {wildcards.dataset}"
        shell:
            "python {params.script} {params.raw} {params.made_by} --format-name {params.format_name}"
            " --format {params.format:q} --threads {threads} --memory-mb {resources.memory_mb} --lines {output.lines}"
            " --messages {output.messages} --rejects {output.rejects} --report {output.report} --log {log}"

else:

    rule parse_chunk:
        input:
            raw=raw_log,
            made_by=raw_record,
        output:
            blocks=temp(under("dataset", f"chunks/{{chunk}}-of-{PARSE_CHUNKS}.arrow")),
        log:
            log_of("dataset", f"chunks/{{chunk}}-of-{PARSE_CHUNKS}"),
        benchmark:
            benchmark_of("dataset", f"chunks/{{chunk}}-of-{PARSE_CHUNKS}")
        wildcard_constraints:
            dataset=one_of(datasets_from("file", "url", "simulate")),
        conda:
            "../../envs/data.yaml"
        threads: config["compute"]["parse_threads"]
        resources:
            **READER,
        params:
            code=code_digest("parse_chunk.py"),
            script=script("parse_chunk.py"),
            chunks=PARSE_CHUNKS,
            raw=raw_options,
            made_by=made_by_option,
            digest=raw_digest,
            format_name=format_name,
            format=format_json,
        message:
            f"Parsing chunk {{wildcards.chunk}} of {PARSE_CHUNKS} of the log of {{wildcards.dataset}}"
        shell:
            "python {params.script} {params.raw} {params.made_by} --format-name {params.format_name}"
            " --format {params.format:q} --threads {threads} --chunk {wildcards.chunk} --chunks {params.chunks}"
            " --output {output.blocks} --log {log}"

    rule gather_chunks:
        input:
            raw=raw_log,
            made_by=raw_record,
            chunks=chunk_files,
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
        resources:
            **READER,
            memory_mb=config["compute"]["memory_mb"],
        params:
            code=code_digest("gather_chunks.py"),
            script=script("gather_chunks.py"),
            raw=raw_options,
            made_by=made_by_option,
            format_name=format_name,
            format=format_json,
        message:
            f"Joining {PARSE_CHUNKS} chunks of the log of {{wildcards.dataset}}"
        shell:
            "python {params.script} {params.raw} {params.made_by} --format-name {params.format_name}"
            " --format {params.format:q} --memory-mb {resources.memory_mb} --chunks {input.chunks} --lines {output.lines}"
            " --messages {output.messages} --rejects {output.rejects} --report {output.report} --log {log}"
