from snakemake.utils import min_version

min_version("9.27.0")


configfile: f"{workflow.basedir}/config/config.yaml"
configfile: f"{workflow.basedir}/config/formats.yaml"
configfile: f"{workflow.basedir}/config/datasets.yaml"
configfile: f"{workflow.basedir}/config/models.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/acquire.smk"
include: "workflow/rules/parse.smk"
include: "workflow/rules/adopt.smk"
include: "workflow/rules/sequence.smk"
include: "workflow/rules/split.smk"
include: "workflow/rules/template.smk"
include: "workflow/rules/encode.smk"
include: "workflow/rules/values.smk"
include: "workflow/rules/overlap.smk"
include: "workflow/rules/mutate.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/tune.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/manifest.smk"


rule all:
    default_target: True
    input:
        rules.compare_runs.output,
        rules.judge_study.output,
        all_reports(),
        rules.write_manifest.output,


rule reports:
    input:
        all_reports(),
        rules.write_manifest.output,


# The last thing on the terminal is what went wrong, not how Snakemake ended.
onerror:
    for sentence in failures(log):
        print(f"error: {sentence}", file=sys.stderr)
