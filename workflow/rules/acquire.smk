"""Where raw logs come from: the simulator, or a download that is checked. Local files are read where they lie.

A download stays as it came, packed or not; reading unpacks it on the way, which saves its place on the disk.
"""


rule simulate_log:
    output:
        raw=under("dataset", "raw.log"),
        labels=under("dataset", "labels.csv"),
        kinds=under("dataset", "kinds.csv"),
        record=under("dataset", "raw.json"),
    log:
        log_of("dataset", "simulate"),
    benchmark:
        benchmark_of("dataset", "simulate")
    wildcard_constraints:
        dataset=one_of(datasets_from("simulate")),
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("simulate_log.py"),
        script=script("simulate_log.py"),
        sessions=setting("datasets/{dataset}/source/simulate/sessions"),
        share=setting("datasets/{dataset}/source/simulate/anomaly_share"),
        seed=setting("datasets/{dataset}/source/simulate/seed"),
    message:
        "Simulating the log of {wildcards.dataset}"
    shell:
        "python {params.script} --sessions {params.sessions} --anomaly-share {params.share}"
        " --seed {params.seed} --output {output.raw} --labels {output.labels} --kinds {output.kinds} --record {output.record} --log {log}"


rule download_log:
    output:
        raw=under("dataset", "raw.log"),
        record=under("dataset", "raw.json"),
    log:
        log_of("dataset", "download"),
    benchmark:
        benchmark_of("dataset", "download")
    wildcard_constraints:
        dataset=one_of(downloaded()),
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("download_log.py"),
        script=script("download_log.py"),
        url=setting("datasets/{dataset}/source/url"),
        checksums=checksum_options,
    message:
        "Downloading the log of {wildcards.dataset}"
    shell:
        "python {params.script} --url {params.url:q} {params.checksums} --output {output.raw} --record {output.record} --log {log}"


rule extract_labels:
    input:
        raw=raw_log,
        made_by=raw_record,
    output:
        labels=under("dataset", "labels.csv"),
        record=under("dataset", "labels.json"),
    log:
        log_of("dataset", "extract_labels"),
    benchmark:
        benchmark_of("dataset", "extract_labels")
    wildcard_constraints:
        dataset=one_of(labels_in_archive()),
    conda:
        "../../envs/data.yaml"
    resources:
        **READER,
    params:
        code=code_digest("extract_member.py"),
        script=script("extract_member.py"),
        digest=raw_digest,
        made_by=made_by_option,
        member=setting("datasets/{dataset}/labels/member"),
        expansion=setting("datasets/{dataset}/source/max_expansion"),
    message:
        "Taking the labels of {wildcards.dataset} from its archive"
    shell:
        "python {params.script} --input {input.raw:q} --member={params.member:q}"
        " --max-expansion {params.expansion} {params.made_by} --output {output.labels} --record {output.record} --log {log}"
