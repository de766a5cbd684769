"""From raw lines to Parquet: header, time, session keys, masked message; what cannot be used is listed."""

# Content, not modification time, decides whether a user's file is new; the digests are remembered here.
DIGESTS = Path("results/cache/input_digests.json")


def raw_log(wildcards):
    """The raw log of a dataset: the user's file where it lies, or what an acquire rule made."""
    local = config["datasets"][wildcards.dataset]["source"].get("file")
    return ancient(local) if local else under("dataset", "raw.log").format(**wildcards)


def raw_digest(wildcards):
    """Digest of the user's raw log; other logs are made by a rule, which Snakemake keeps track of."""
    local = config["datasets"][wildcards.dataset]["source"].get("file")
    return file_digest(Path(local), DIGESTS) if local else None


def format_name(wildcards):
    """Name of the dataset's line format."""
    return config["datasets"][wildcards.dataset]["format"]


def format_json(wildcards):
    """The dataset's line format as JSON."""
    return json.dumps(config["formats"][format_name(wildcards)], sort_keys=True)


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
    conda:
        "../../envs/data.yaml"
    threads: config["compute"]["parse_threads"]
    params:
        code=code_digest("parse_log.py"),
        digest=raw_digest,
        format_name=format_name,
        format=format_json,
    message:
        "Parsing the log of {wildcards.dataset}"
    shell:
        "python {SCRIPTS}/parse_log.py --input {input.raw:q} --format-name {params.format_name}"
        " --format {params.format:q} --threads {threads} --lines {output.lines} --messages {output.messages}"
        " --rejects {output.rejects} --report {output.report} --log {log}"
