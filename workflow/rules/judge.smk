"""From all evaluations of a study to its verdicts: warnings, tests between models, diagnosis, advice."""


rule judge_study:
    input:
        evaluations=run_lists,
        # Read for paired tests, at the paths that the evaluations name.
        scores=study_scores,
        splits=study_splits,
    output:
        verdicts=of_study("verdicts.json"),
        advice=directory(of_study("advice")),
    log:
        f"results/logs/studies/{STUDY['name']}/judge.log",
    benchmark:
        f"results/benchmarks/studies/{STUDY['name']}/judge.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_digest("judge_study.py"),
        script=script("judge_study.py"),
        study=STUDY["name"],
        strategy=config["evaluation"]["threshold"]["strategy"],
        false_positive_rate=config["evaluation"]["threshold"]["false_positive_rate"],
        targets=as_json("evaluation/threshold/targets"),
        prevalences=as_json("report/prevalences"),
        fit_on=config["templates"]["fit_on"],
        models=study_models(),
        config=study_config,
        reproduce=reproduction,
        study_file=study_file,
        variants=sorted(config["models"]),
    message:
        "Judging study {params.study}"
    shell:
        "python {params.script} --evaluations {input.evaluations} --splits {input.splits} --study {params.study}"
        " --strategy {params.strategy} --false-positive-rate {params.false_positive_rate}"
        " --targets {params.targets:q} --prevalences {params.prevalences:q} --templates-fit-on {params.fit_on}"
        " --models {params.models:q} --config {params.config:q} --reproduce {params.reproduce:q}"
        " --study-file {params.study_file:q} --variants {params.variants}"
        " --output {output.verdicts} --advice-dir {output.advice} --log {log}"
