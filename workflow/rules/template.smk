"""Templates, mined from the training split's messages and then frozen."""


rule mine_templates:
    input:
        messages=under("dataset", "messages.parquet"),
        sequences=sequences_of,
        split=under("seed", "split.parquet"),
    output:
        templates=under("seed", "templates.parquet"),
        message_events=under("seed", "message_events.parquet"),
        report=under("seed", "templates.json"),
    log:
        log_of("seed", "template"),
    benchmark:
        benchmark_of("seed", "template")
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("mine_templates.py"),
        script=script("mine_templates.py"),
        miner=miner_of,
        fit_on=config["templates"]["fit_on"],
        depth=config["templates"]["depth"],
        similarity=config["templates"]["similarity"],
        max_children=config["templates"]["max_children"],
    message:
        "Mining templates of {wildcards.dataset} ({wildcards.split}, seed {wildcards.seed})"
    shell:
        "python {params.script} --messages {input.messages} --sequences {input.sequences}"
        " --split {input.split} --miner {params.miner} --fit-on {params.fit_on} --depth {params.depth} --similarity {params.similarity}"
        " --max-children {params.max_children} --templates {output.templates}"
        " --message-events {output.message_events} --report {output.report} --log {log}"
