"""One table of each run's epochs, then one over all runs of the study."""


def run_evaluations(wildcards):
    """Evaluation results of all epochs, protocols and ratios of a run."""
    epochs = range(1, epochs_of(wildcards.model) + 1)
    found = []
    if "labelled" in STUDY["protocols"]:
        found += expand(LABELLED["results"], epoch=epochs, **wildcards)
    if "pseudo" in STUDY["protocols"]:
        found += expand(PSEUDO["results"], epoch=epochs, ratio=map(as_ratio, STUDY["anomaly_ratios"]), **wildcards)
    return found


def run_tables(wildcards):
    """The epoch tables of all runs of the study."""
    return [under("model", "epochs.parquet").format(**run) for run in study_runs()]


def of_study(name):
    """Path of a result of the whole study."""
    return f"results/studies/{STUDY['name']}/{name}"


def study_figure(name):
    """A figure over the whole study, with its caption in the report."""
    labels = {"figure": name.replace("_", " ")}
    return report(of_study(f"{name}.png"), caption=f"../report/{name}.rst", category="Comparison", labels=labels)


def learning_curve_option(wildcards, output):
    """Command-line option for the learning curve, which needs several sample sizes."""
    curves = [path for path in output.figures if "learning_curve" in path]
    return f"--learning-curve {curves[0]}" if curves else ""


FIGURES = ["metrics_by_epoch", "roc"] + (["learning_curve"] if len(STUDY["sample_sizes"]) > 1 else [])


rule summarise_epochs:
    input:
        run_evaluations,
    output:
        under("model", "epochs.parquet"),
    log:
        log_of("model", "summarise"),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_digest("summarise_epochs.py"),
    message:
        "Summarising the epochs of {wildcards.model} ({wildcards.dataset}, {wildcards.size} sequences)"
    shell:
        "python {SCRIPTS}/summarise_epochs.py --evaluations {input} --output {output} --log {log}"


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
        study=STUDY["name"],
        fit_on=config["templates"]["fit_on"],
        folder=subpath(output.markdown, parent=True),
        learning_curve=learning_curve_option,
    message:
        "Comparing the runs of study {params.study}"
    shell:
        "python {SCRIPTS}/compare_runs.py --epochs {input} --study {params.study} --templates-fit-on {params.fit_on}"
        " --parquet {output.parquet} --csv {output.csv} --markdown {output.markdown} --figures-dir {params.folder}"
        " {params.learning_curve} --log {log}"
