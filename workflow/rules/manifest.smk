"""The last job: what the study consists of and how it came about, as an RO-Crate."""


rule write_manifest:
    input:
        comparison=rules.compare_runs.output,
        verdicts=rules.judge_study.output,
        reports=all_reports(),
    output:
        manifest=of_study("ro-crate-metadata.json"),
        record=of_study("manifest.json"),
    log:
        f"results/logs/studies/{STUDY['name']}/manifest.log",
    conda:
        "../../envs/provenance.yaml"
    params:
        code=code_digest("write_manifest.py"),
        script=script("write_manifest.py"),
        study=STUDY["name"],
        config=used_config,
        engine=snakemake_version,
        project=beside_snakefile(""),
        options=manifest_options(),
    message:
        "Writing the manifest of study {params.study}"
    shell:
        "python {params.script} --study {params.study} --ends {input} --config {params.config:q}"
        " --engine {params.engine} --project {params.project} {params.options} --output {output.manifest}"
        " --record {output.record} --log {log}"
