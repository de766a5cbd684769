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
        code=miner_code,
        script=script("mine_templates.py"),
        miner=miner_of,
        settings=miner_settings,
        fit_on=config["templates"]["fit_on"],
    message:
        "Mining templates of {wildcards.dataset} ({wildcards.split}, seed {wildcards.seed})"
    shell:
        "python {params.script} --messages {input.messages} --sequences {input.sequences}"
        " --split {input.split} --miner {params.miner} --settings {params.settings:q} --fit-on {params.fit_on}"
        " --templates {output.templates} --message-events {output.message_events} --report {output.report} --log {log}"
