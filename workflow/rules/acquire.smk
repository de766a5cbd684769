"""Where raw logs come from: the simulator, or a download that is checked. Local files are read where they lie."""


rule simulate_log:
    output:
        raw=under("dataset", "raw.log"),
        labels=under("dataset", "labels.csv"),
        kinds=under("dataset", "kinds.csv"),
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
        " --seed {params.seed} --output {output.raw} --labels {output.labels} --kinds {output.kinds} --log {log}"


rule download_log:
    output:
        raw=under("dataset", "raw.log"),
    log:
        log_of("dataset", "download"),
    benchmark:
        benchmark_of("dataset", "download")
    wildcard_constraints:
        dataset=one_of(datasets_from("url")),
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("download_log.py"),
        script=script("download_log.py"),
        url=setting("datasets/{dataset}/source/url"),
        sha256=setting("datasets/{dataset}/source/sha256"),
    message:
        "Downloading the log of {wildcards.dataset}"
    shell:
        "python {params.script} --url {params.url:q} --sha256 {params.sha256} --output {output.raw} --log {log}"
