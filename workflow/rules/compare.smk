"""One table of each run's epochs, then one over all runs of the study."""


rule summarise_epochs:
    input:
        evaluations=run_evaluations("results"),
        # Not read here, but a figure that is missing has to be drawn again.
        figures=run_evaluations("scores", "matrix"),
    output:
        table=under("model", "epochs.parquet"),
        evaluations=under("model", "evaluations.json"),
    log:
        log_of("model", "summarise"),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_digest("summarise_epochs.py"),
        script=script("summarise_epochs.py"),
    message:
        "Summarising the epochs of {wildcards.model} ({wildcards.dataset}, {wildcards.size} sequences)"
    shell:
        "python {params.script} --evaluations {input.evaluations} --output {output.table}"
        " --list {output.evaluations} --log {log}"


rule compare_runs:
    input:
        run_tables,
    output:
        parquet=of_study("comparison.parquet"),
        csv=report(
            of_study("comparison.csv"),
            caption="../report/comparison.rst",
            category="Comparison",
            labels={"figure": "table"},
        ),
        costs=of_study("costs.csv"),
        markdown=of_study("comparison.md"),
        figures=[study_figure(name) for name in FIGURES],
    log:
        f"results/logs/studies/{STUDY['name']}/compare.log",
    benchmark:
        f"results/benchmarks/studies/{STUDY['name']}/compare.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_digest("compare_runs.py"),
        script=script("compare_runs.py"),
        study=STUDY["name"],
        fit_on=config["templates"]["fit_on"],
        folder=subpath(output.markdown, parent=True),
        learning_curve=learning_curve_option,
    message:
        "Comparing the runs of study {params.study}"
    shell:
        "python {params.script} --epochs {input} --study {params.study} --templates-fit-on {params.fit_on}"
        " --parquet {output.parquet} --csv {output.csv} --costs {output.costs} --markdown {output.markdown} --figures-dir {params.folder}"
        " {params.learning_curve} --log {log}"
