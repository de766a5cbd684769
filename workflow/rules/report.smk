"""The reports that people read, from the verdicts: in several languages, as Markdown and as pages."""


# The scripts of the charts are the same for all reports, and take as long to join as a report to write.
rule bundle_charts:
    input:
        notice=beside_snakefile("workflow/report/vega-notice.txt"),
    output:
        "results/cache/charts.js",
    log:
        "results/logs/bundle_charts.log",
    conda:
        "../../envs/report.yaml"
    params:
        code=code_digest("bundle_charts.py"),
        script=script("bundle_charts.py"),
    message:
        "Joining the scripts of the charts"
    shell:
        "python {params.script} --output {output} --log {log}"


rule write_reports:
    input:
        verdicts=of_study("verdicts.json"),
        figures=rules.compare_runs.output.figures,
        library=rules.bundle_charts.output,
        texts=f"{TEXTS}/{{language}}.yaml",
        form=PAGE_FILES,
    output:
        report_files(),
    log:
        f"results/logs/studies/{STUDY['name']}/report_{{language}}.log",
    benchmark:
        f"results/benchmarks/studies/{STUDY['name']}/report_{{language}}.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        code=code_digest("write_reports.py"),
        script=script("write_reports.py"),
        study=STUDY["name"],
        folder=subpath(output[0], parent=True),
    message:
        "Writing the reports of study {params.study} ({wildcards.language})"
    shell:
        "python {params.script} --verdicts {input.verdicts} --languages {wildcards.language}"
        " --figures {input.figures} --library {input.library} --output-dir {params.folder} --log {log}"
