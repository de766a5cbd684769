"""The reports that people read, from the verdicts: in several languages, as Markdown and as pages."""


rule write_reports:
    input:
        verdicts=of_study("verdicts.json"),
        figures=rules.compare_runs.output.figures,
        texts=[f"{TEXTS}/{language}.yaml" for language in config["report"]["languages"]],
        form=PAGE_FILES,
    output:
        report_files(),
    log:
        f"results/logs/studies/{STUDY['name']}/report.log",
    benchmark:
        f"results/benchmarks/studies/{STUDY['name']}/report.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        code=code_digest("write_reports.py"),
        script=script("write_reports.py"),
        study=STUDY["name"],
        languages=config["report"]["languages"],
        folder=subpath(output[0], parent=True),
    message:
        "Writing the reports of study {params.study}"
    shell:
        "python {params.script} --verdicts {input.verdicts} --languages {params.languages}"
        " --figures {input.figures} --output-dir {params.folder} --log {log}"
