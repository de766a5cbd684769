"""From lines to sequences: by session key, by a window of lines, or by a span of time."""


def label_file(key):
    """Function that gives a label file of a dataset (`key` is "file" or "kinds"), if it has one."""

    def path(wildcards):
        dataset = config["datasets"][wildcards.dataset]
        if "simulate" in dataset["source"]:
            name = {"file": "labels.csv", "kinds": "kinds.csv"}[key]
            return under("dataset", name).format(**wildcards)
        return ancient(dataset["labels"][key]) if dataset["labels"] and dataset["labels"][key] else []

    return path


def label_digest(wildcards):
    """Digests of the user's label files."""
    labels = config["datasets"][wildcards.dataset]["labels"] or {}
    return [file_digest(Path(labels[key]), DIGESTS) for key in ("file", "kinds") if labels.get(key)]


def label_options(wildcards, input):
    """Command-line options for the labels, if there are any."""
    labels = config["datasets"][wildcards.dataset]["labels"]
    options = ["--labels", input.labels] if input.labels else []
    options += ["--kinds", input.kinds] if input.kinds else []
    options += ["--label-columns", *(labels[key] for key in ("key", "label", "normal", "anomalous"))] if labels else []
    return shlex.join(options)


rule group_sequences:
    input:
        lines=under("dataset", "lines.parquet"),
        labels=label_file("file"),
        kinds=label_file("kinds"),
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
    params:
        code=code_digest("group_sequences.py"),
        digest=label_digest,
        by=setting("groupings/{grouping}/by"),
        length=option("length", "groupings/{grouping}/length"),
        stride=option("stride", "groupings/{grouping}/stride"),
        label=setting("groupings/{grouping}/label"),
        labels=label_options,
    message:
        "Grouping the lines of {wildcards.dataset} by {wildcards.grouping}"
    shell:
        "python {SCRIPTS}/group_sequences.py --lines {input.lines} --by {params.by} {params.length} {params.stride}"
        " --label {params.label} {params.labels} --output {output.sequences} --report {output.report} --log {log}"
