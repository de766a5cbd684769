"""Paths, look-ups and helpers of all rules, in the order of the stages; no rules here."""

import functools
import itertools
import json
import os
import re
import shlex
import sys
import time
from pathlib import Path

from snakemake import __version__ as snakemake_version
from snakemake.exceptions import WorkflowError
from snakemake.jobs import GroupJob
from snakemake.logging import logger
from snakemake.persistence.file import FilePersistence
from snakemake.settings.types import DeploymentMethod

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

import yaml

from logassay import resume, settings
from logassay.digest import code_digest, file_digest
from logassay.errors import UserError, harmless
from logassay.last_words import last_words
from logassay.sources import as_argument, is_outside, log_files, own_files, shown
from logassay.time_format import is_utc

# Jobs call plain `python`: the one that runs Snakemake, unless an activated conda environment comes before it.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
    # conda puts an environment where the one that was active stands in PATH, perhaps behind the folder above: to the front.
    shell.prefix('set -euo pipefail; export PATH="$CONDA_PREFIX/bin:$PATH"; ')
    # Neither Python nor pip of an environment may find packages in the user's own folder.
    os.environ.update(PYTHONNOUSERSITE="1")

# An epoch chain is a recursion for Snakemake; its default limit ends at about 450 epochs.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))

try:
    settings.validate(
        config, yaml.safe_load(Path(workflow.basedir, "workflow", "schemas", "config.schema.yaml").read_text())
    )
except UserError as error:
    raise WorkflowError(harmless(str(error)))


def noted(execute):
    """Snakemake's way to run jobs, with a note that a run is at work.

    A run that was killed has left its lock and unfinished files to the next one; what only plans, lists or reports does
    not come here, or with an executor that runs nothing, and changes nothing.
    """

    @functools.wraps(execute)
    def run(executor_plugin, *arguments, **settings):
        if executor_plugin.common_settings.dryrun_exec:
            return execute(executor_plugin, *arguments, **settings)
        FilePersistence._delete_locks = remove_own_locks
        note, said = resume.begin(Path("results"), Path(".snakemake/locks"), main=workflow.is_main_process)
        for sentence in said:
            print(harmless(sentence), file=sys.stderr)
        try:
            return execute(executor_plugin, *arguments, **settings)
        finally:
            if note and workflow.is_main_process:
                resume.end(note, Path("results"), chunks=not workflow.storage_settings.notemp)
            elif note:
                note.close()

    return run


def remove_own_locks(persistence):
    """Snakemake's way to unlock, but for the locks of a run beside this one."""
    for lock in persistence._lockfile.values():
        Path(lock).unlink(missing_ok=True)
    persistence._lockfile.clear()


workflow.execute = noted(workflow.execute)


def told(log_error):
    """Snakemake's way to tell that a group of jobs failed, with the reason, which it would keep to itself."""

    @functools.wraps(log_error)
    def tell(group, msg=None, **more):
        if msg:
            logger.error(f"Group {group.groupid}: {msg}")
        log_error(group, msg, **more)

    return tell


def first_rule(group):
    """One of the rules of a group's jobs."""
    return next(iter(group.jobs)).rule


GroupJob.log_error = told(GroupJob.log_error)
# The plugin for Slurm names the rule of a job that cannot be submitted. A group has none, and the run would never end.
GroupJob.rule = property(first_rule)

# What a file's code is, is remembered: to find out takes as long as to plan a study.
code_digest = functools.partial(code_digest, cache_file=Path("results/cache/code_digests.json"))

STUDY = config["study"]
STARTED = time.time()

# A factor enters the path at the stage where it first changes bytes; all that comes before is shared.
LEVELS = {"dataset": "results/runs/dataset={dataset}"}
LEVELS["grouping"] = f"{LEVELS['dataset']}/grouping={{grouping}}"
LEVELS["seed"] = f"{LEVELS['grouping']}/split={{split}}/seed={{seed}}"
LEVELS["size"] = f"{LEVELS['seed']}/size={{size}}"
LEVELS["model"] = f"{LEVELS['size']}/model={{model}}"


def one_of(names):
    """Regular expression for exactly these names; one that matches nothing for none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=one_of(STUDY["datasets"]),
    grouping=one_of(STUDY["groupings"]),
    split=one_of(STUDY["splits"]),
    model=one_of(STUDY["models"]),
    seed=r"\d+",
    size=r"\d+",
    epoch=r"[1-9]\d*",
    ratio=r"\d{5}",
    language=one_of(config["report"]["languages"]),
    share=r"\d{5}",


def under(level, name):
    """Path of a result at one level of factors."""
    return f"{LEVELS[level]}/{name}"


def beside_snakefile(name):
    """Path of a file of the project; relative, so that a checkout may be moved without making its results stale."""
    return os.path.relpath(Path(workflow.basedir) / name)


def script(name):
    """Path of a command-line program of the project."""
    return beside_snakefile(f"scripts/{name}")


def log_of(level, name):
    """Path of a log file; logs have a tree of their own, so that results stay one table for Parquet readers."""
    return f"{LEVELS[level]}/{name}.log".replace("results/runs", "results/logs", 1)


def benchmark_of(level, name):
    """Path of a benchmark file: seconds and memory of a job, from which costs are estimated."""
    return f"{LEVELS[level]}/{name}.tsv".replace("results/runs", "results/benchmarks", 1)


def setting(path):
    """Function that looks up a value of the configuration; `path` may hold wildcards.

    Snakemake's own `lookup` searches all of the configuration each time, which is a third of the planning of a large study.
    """

    def value(wildcards):
        found = config
        for key in path.split("/"):
            found = found[key.format(**wildcards)]
        return found

    return value


def as_json(path):
    """Function that looks up a part of the configuration as JSON text for the command line."""
    value = setting(path)

    def text(wildcards):
        return json.dumps(value(wildcards), sort_keys=True)

    return text


def option(name, path):
    """Function that gives `--name value`, or nothing where the configured value is null."""
    value = setting(path)

    def text(wildcards):
        found = value(wildcards)
        return "" if found is None else f"--{name} {found}"

    return text


def model_code(script):
    """Function that digests a script together with the file of the wildcard's model."""

    def digest(wildcards):
        name = config["models"][wildcards.model]["module"].replace("-", "_")
        return code_digest(script, f"logassay.models.{name}")

    return digest


def epochs_of(model):
    """Number of epochs of a model in this study."""
    return config["models"][model]["epochs"] or STUDY["epochs"]


def models_with(framework):
    """The study's models whose checkpoints are made with `framework`."""
    return [name for name in STUDY["models"] if config["models"][name]["framework"] == framework]


def as_ratio(share):
    """A share in parts per ten thousand, as it stands in paths: 0.02 is 00200."""
    return f"{round(share * 10_000):05d}"


def checkpoint_of(wildcards):
    """Path of the checkpoint of an epoch."""
    suffix = "pt" if config["models"][wildcards.model]["framework"] == "torch" else "npz"
    return under("model", f"checkpoints/epoch_{{epoch}}.{suffix}").format(**wildcards)


def failures(logs):
    """What the jobs of this run that failed said last, by their logs, and why others failed, by those of Snakemake."""
    told = "".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in logs)
    return last_words(told, Path("results/logs"), STARTED)


def study_runs():
    """The factors of every run of the study."""
    names = ("dataset", "grouping", "split", "seed", "size", "model")
    values = (STUDY[name] for name in ("datasets", "groupings", "splits", "seeds", "sample_sizes", "models"))
    return [dict(zip(names, combination)) for combination in itertools.product(*values)]


# resources

# What a job asks a cluster for. On one computer it limits nothing, and nowhere does a result depend on it. Measured at
# half a million sequences: an epoch of DeepLog takes 25 MB and 4 s for each megabyte of train.parquet, and scoring 15 MB;
# at 11 million lines, reading a log takes 5 s for each gigabyte. Slow models, slow disks and packed files need more.

# The Snakemake that starts a job on its node, and the one in it that runs the command.
AROUND_MB = 400


def growing(base, per_mb=0):
    """Function that gives a base and so much for each megabyte that a job reads, doubled with each further attempt."""

    def amount(wildcards, input, attempt):
        # A chain of epochs is submitted before its checkpoints exist, and they are small.
        read = sum(os.path.getsize(path) for path in input if "/checkpoints/" not in path) / 1e6
        return round(base + per_mb * read) * 2 ** (attempt - 1)

    return amount


# Jobs that keep to compute.memory_mb: they read logs, or group or encode sequences.
READER = {"mem_mb": growing(config["compute"]["memory_mb"] + AROUND_MB), "runtime": growing(30, 0.02)}
# Jobs that load a model and all sequences.
MODEL = {"mem_mb": growing(config["compute"]["model_memory_mb"] + AROUND_MB, 40), "runtime": growing(10, 2)}
# Of a chain of epochs, Snakemake adds up the times.
EPOCH = MODEL | {"runtime": growing(3, 2)}
# Ten minutes for each trial.
TUNING = MODEL | {"runtime": growing(10 * config["tune"]["trials"], 2 * config["tune"]["trials"])}


def gpus(wildcards):
    """Number of graphics cards of a job with a model; not 0, which some clusters take for a wish, too."""
    return 1 if config["compute"]["device"] == "cuda" and wildcards.model in models_with("torch") else None


# Where all epochs of a model are one job of a cluster, the name of this group; on one computer there are no groups.
EPOCHS_GROUP = "epochs_{model}" if config["compute"]["epochs_in_one_job"] else None


# On a cluster, these run where Snakemake does: nodes may not reach the network, and the others are done in a second.
localrules:
    download_log,
    bundle_charts,
    summarise_epochs,
    write_manifest,


# acquire


def datasets_from(*kinds):
    """The study's datasets whose source is of one of these kinds."""
    return [name for name in STUDY["datasets"] if set(kinds) & set(config["datasets"][name]["source"])]


def downloaded():
    """The study's datasets whose log is downloaded: there is no file of the user's in its place."""
    return [name for name in datasets_from("url") if not own_files(config["datasets"][name]["source"])]


def labels_in_archive():
    """The study's datasets whose labels are a member of the archive that holds the log."""
    labels = {name: config["datasets"][name]["labels"] or {} for name in datasets_from("file", "url")}
    return [name for name in labels if labels[name].get("member") and not labels[name].get("file")]


def checksum_options(wildcards):
    """Command-line options for the checksums of a download."""
    source = config["datasets"][wildcards.dataset]["source"]
    return " ".join(f"--{name} {source[name]}" for name in ("sha256", "md5") if source[name])


# parse

# Content, not modification time, decides whether a user's file is new; the digests are remembered here.
DIGESTS = Path("results/cache/input_digests.json")


def raw_log(wildcards):
    """The files of a dataset's raw log: the user's where they lie, or the one that an acquire rule made."""
    own = log_files(own_files(config["datasets"][wildcards.dataset]["source"]))
    return [ancient(str(path)) for path in own] or [under("dataset", "raw.log").format(**wildcards)]


def raw_record(wildcards):
    """The record of what an acquire rule made; there is none of the user's files."""
    ours = not own_files(config["datasets"][wildcards.dataset]["source"])
    return [under("dataset", "raw.json").format(**wildcards)] if ours else []


def made_by_option(wildcards, input):
    """Command-line option for such a record."""
    return f"--made-by {input.made_by}" if input.made_by else ""


def raw_digest(wildcards):
    """Digests of the user's raw log; other logs are made by a rule, which Snakemake keeps track of."""
    return own_digests(wildcards.dataset)


@functools.cache
def own_digests(dataset):
    """The same by the name of the dataset; worked out once, for there may be many files, and many jobs that ask."""
    source = config["datasets"][dataset]["source"]
    own = log_files(own_files(source))
    digests = [file_digest(path, DIGESTS) for path in own]
    if "file" in source and source["sha256"] not in (None, *digests):
        raise WorkflowError(
            f"{own[0]} has the sha256 {digests[0]}, not {source['sha256']} as datasets.{dataset}.source says; "
            "fetch it again, or set source.sha256 to null if it is meant to differ."
        )
    return digests


def raw_options(wildcards):
    """Command-line options that name the raw log; patterns as such, for they may find more than a line can hold."""
    source = config["datasets"][wildcards.dataset]["source"]
    own = own_files(source) or [under("dataset", "raw.log").format(**wildcards)]
    member = [f"--member={source['member']}"] if source["member"] else []
    return shlex.join(["--input", *own, *member, "--max-expansion", str(source["max_expansion"])])


PARSE_CHUNKS = config["compute"]["parse_chunks"]


def chunk_files(wildcards):
    """The parsed chunks of a dataset's log, in their order."""
    path = under("dataset", "chunks/{chunk}-of-{chunks}.arrow")
    numbers = range(1, PARSE_CHUNKS + 1)
    return [path.format(dataset=wildcards.dataset, chunk=number, chunks=PARSE_CHUNKS) for number in numbers]


def format_name(wildcards):
    """Name of the dataset's line format."""
    return config["datasets"][wildcards.dataset]["format"]


def format_json(wildcards):
    """The dataset's line format as JSON."""
    return json.dumps(config["formats"][format_name(wildcards)], sort_keys=True)


# adopt


def ready_files(wildcards):
    """Files of ready-made sequences, and of their templates."""
    source = config["datasets"][wildcards.dataset]["source"]
    return [each["file"] for each in source["sessions"] + ([source["templates"]] if source["templates"] else [])]


def ready_inputs(wildcards):
    """The same as inputs whose content decides, not their time."""
    return [ancient(path) for path in ready_files(wildcards)]


def ready_digests(wildcards):
    """Digests of these files."""
    return [file_digest(Path(path), DIGESTS) for path in ready_files(wildcards)]


# sequence


def sequences_of(wildcards):
    """Sequences of a dataset: made of its lines, or taken over ready-made."""
    ready = "sessions" in config["datasets"][wildcards.dataset]["source"]
    return (under("dataset", "adopted.parquet") if ready else under("grouping", "sequences.parquet")).format(
        **wildcards
    )


def sequence_report_of(wildcards):
    """Report on these sequences."""
    return str(Path(sequences_of(wildcards)).with_suffix(".json"))


def label_file(key):
    """Function that gives a label file of a dataset (`key` is "file" or "kinds"), if it has one."""

    def path(wildcards):
        dataset = config["datasets"][wildcards.dataset]
        if "simulate" in dataset["source"]:
            name = {"file": "labels.csv", "kinds": "kinds.csv"}[key]
            return under("dataset", name).format(**wildcards)
        if key == "file" and wildcards.dataset in labels_in_archive():
            return under("dataset", "labels.csv").format(**wildcards)
        labels = dataset["labels"] or {}
        own = labels.get(key) or (labels.get("intervals") if key == "file" else None)
        return ancient(as_argument(own)) if own else []

    return path


def label_record(wildcards):
    """The record of what made these files; there is none of the user's."""
    if "simulate" in config["datasets"][wildcards.dataset]["source"]:
        return raw_record(wildcards)
    ours = wildcards.dataset in labels_in_archive()
    return [under("dataset", "labels.json").format(**wildcards)] if ours else []


def label_digest(wildcards):
    """Digests of the user's label files."""
    labels = config["datasets"][wildcards.dataset]["labels"] or {}
    keys = ("file", "intervals", "kinds")
    return [file_digest(Path(labels[key]), DIGESTS) for key in keys if labels.get(key)]


def label_options(wildcards, input):
    """Command-line options for the labels, if there are any."""
    labels = config["datasets"][wildcards.dataset]["labels"]
    if labels and "intervals" in labels:
        return interval_options(wildcards, input)
    options = ["--labels", input.labels] if input.labels else []
    options += ["--kinds", input.kinds] if input.kinds else []
    options += ["--label-columns", *(labels[key] for key in ("key", "label", "normal", "anomalous"))] if labels else []
    options += [f"--listed={labels['listed']}"] if labels and labels["listed"] else []
    return shlex.join(options)


def interval_options(wildcards, input):
    """Command-line options for labels by interval of time."""
    labels = config["datasets"][wildcards.dataset]["labels"]
    kind = [labels["kind"]] if labels["kind"] else []
    options = ["--intervals", input.labels, "--interval-columns", labels["start"], labels["end"], *kind]
    options += ["--interval-zone", labels["zone"]] if labels["zone"] else []
    options += ["--utc"] if is_utc(config["formats"][format_name(wildcards)]["timestamp"]) else []
    return shlex.join(options)


# template


# The settings of each miner, of those under `templates`.
MINER_SETTINGS = {
    "brain": ["branches"],
    "drain": ["depth", "max_children", "similarity"],
    "iplom": ["goodness", "lower_bound"],
    "none": [],
}


def miner_of(wildcards):
    """How templates are found: ready-made sequences bring their event ids."""
    ready = "sessions" in config["datasets"][wildcards.dataset]["source"]
    return "none" if ready else config["templates"]["miner"]


def miner_settings(wildcards):
    """Settings of the dataset's miner as JSON; those of other miners concern no result."""
    return json.dumps({name: config["templates"][name] for name in MINER_SETTINGS[miner_of(wildcards)]})


def miner_code(wildcards):
    """Digest of the script together with the dataset's miner."""
    miner = miner_of(wildcards)
    return code_digest("mine_templates.py", *([] if miner == "none" else [f"logassay.miners.{miner}"]))


# values


def values_of(*parts):
    """Function that gives the values of parts of a split, if the wildcard's model reads them."""

    def paths(wildcards):
        read = parts if config["models"][wildcards.model]["values"] else []
        return [under("seed", f"{part}_values.parquet").format(**wildcards) for part in read]

    return paths


def values_option(wildcards, input):
    """Command-line option of training for these values."""
    return f"--values {input.values[0]}" if input.values else ""


def named_values_options(wildcards, input):
    """Command-line options of scoring for these values, each with the name of its part."""
    return " ".join(f"--values {Path(path).stem.removesuffix('_values')}={path}" for path in input.values)


# mutate


def ratio_share(wildcards):
    """The anomaly ratio that a path stands for."""
    return int(wildcards.ratio) / 10_000


def ratios_used():
    """The anomaly ratios of the study, as they stand in paths; none where it judges no mutated sequences."""
    mutates = {"pseudo", "prevalence"} & set(STUDY["protocols"])
    return [as_ratio(ratio) for ratio in STUDY["anomaly_ratios"]] if mutates else []


# train


def previous_checkpoint(wildcards):
    """The checkpoint of the epoch before; none for the first."""
    before = int(wildcards.epoch) - 1
    return under("model", f"checkpoints/epoch_{before}.pt").format(**wildcards) if before else []


def hyper_json(wildcards):
    """Hyperparameters of a variant as JSON; the end of a sequence is an event only where sequences really end."""
    hyper = dict(config["models"][wildcards.model]["hyper"])
    if hyper.get("session_end") == "auto":
        hyper["session_end"] = config["groupings"][wildcards.grouping]["by"] == "session"
    return json.dumps(hyper, sort_keys=True)


def vectors_digest(wildcards):
    """Digest of the file of word vectors that a variant names, if it does."""
    vectors = config["models"][wildcards.model]["hyper"].get("vectors")
    return file_digest(Path(vectors), DIGESTS) if vectors and isinstance(vectors, str) else None


def previous_option(wildcards, input):
    """Command-line option for the checkpoint to go on from."""
    return f"--previous {input.previous}" if input.previous else ""


# tune


def definition_json(wildcards):
    """The entry of a variant as JSON, with hyperparameters as training gets them."""
    entry = config["models"][wildcards.model]
    return json.dumps(entry | {"hyper": json.loads(hyper_json(wildcards))}, sort_keys=True)


def tuning_values_options(wildcards, input):
    """Command-line options of tuning for the numbers in messages, if the model reads them."""
    return "--train-values {} --validation-values {}".format(*input.values) if input.values else ""


def spared_sessions():
    """Normal validation sequences that tuning must not see, since they are judged intact and mutated."""
    judged = {"pseudo", "prevalence"} & set(STUDY["protocols"])
    return config["evaluation"]["pseudo"]["sessions"] if judged else 0


def tuning_epochs(wildcards):
    """Epochs of each trial: the model's fixed number, or tuning's own, or the study's."""
    return config["models"][wildcards.model]["epochs"] or config["tune"]["epochs"] or STUDY["epochs"]


def tuned_variants(wildcards):
    """Variant files of every tuned model, dataset, grouping, split and size; with the first seed of the study."""
    chosen = config["tune"]["models"]
    if not chosen:
        raise WorkflowError("tune.models is empty; name the variants to tune.")
    factors = {"dataset": "datasets", "grouping": "groupings", "split": "splits", "size": "sample_sizes"}
    values = {factor: STUDY[name] for factor, name in factors.items()}
    return expand(under("size", "tune={model}/variant.yaml"), model=chosen, seed=STUDY["seeds"][:1], **values)


# score


def limit_option(wildcards):
    """Command-line option that limits the test part to the evaluation's sample size."""
    size = STUDY["eval_sample_size"]
    return f"--limit test={size}" if size else ""


# evaluate


def run_factors(protocol):
    """Function that gives the factors of an evaluation as JSON."""

    def text(wildcards):
        factors = {name: wildcards[name] for name in ("dataset", "grouping", "split")}
        factors |= {"seed": int(wildcards.seed), "sample_size": int(wildcards.size)}
        factors |= {"model": wildcards.model, "epoch": int(wildcards.epoch), "protocol": protocol}
        factors["anomaly_ratio"] = None if protocol == "labelled" else ratio_share(wildcards)
        factors["prevalence"] = int(wildcards.share) / 10_000 if protocol == "prevalence" else None
        return json.dumps(factors)

    return text


def deciding_targets():
    """The targets as JSON where the threshold is chosen by them; elsewhere only the verdicts depend on them."""
    threshold = config["evaluation"]["threshold"]
    return json.dumps(threshold["targets"] if threshold["strategy"] == "targets" else {}, sort_keys=True)


def evaluation_files(folder):
    """The files of one evaluation, named as users know them."""
    return {
        "results": under("model", f"{folder}/evaluation_results_epoch_{{epoch}}.json"),
        "scores": under("model", f"{folder}/score_dist_epoch_{{epoch}}.png"),
        "matrix": under("model", f"{folder}/confusion_matrix_epoch_{{epoch}}.png"),
    }


def mutated_option(protocol):
    """Function that gives the command-line options of a protocol that judges mutated sequences."""

    def text(wildcards, input):
        return f"--protocol {protocol} --mutated-scores {input.mutated}"

    return text


SCHEMA = beside_snakefile("workflow/schemas/evaluation.schema.json")
LABELLED = evaluation_files("evaluation=labelled/epoch_{epoch}")
PSEUDO = evaluation_files("evaluation=pseudo/ratio={ratio}/epoch_{epoch}")
PREVALENCE = evaluation_files("evaluation=prevalence/ratio={ratio}/share={share}/epoch_{epoch}")


# compare


def run_evaluations(*kinds):
    """Function that gives files of the evaluations of all epochs, protocols and ratios of a run."""

    def paths(wildcards):
        epochs = range(1, epochs_of(wildcards.model) + 1)
        ratios, share = ratios_used(), as_ratio(config["evaluation"]["pseudo"]["prevalence"])
        found = []
        for kind in kinds:
            if "labelled" in STUDY["protocols"]:
                found += expand(LABELLED[kind], epoch=epochs, **wildcards)
            if "pseudo" in STUDY["protocols"]:
                found += expand(PSEUDO[kind], epoch=epochs, ratio=ratios, **wildcards)
            if "prevalence" in STUDY["protocols"]:
                found += expand(PREVALENCE[kind], epoch=epochs, ratio=ratios, share=share, **wildcards)
        return found

    return paths


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


# judge


def run_lists(wildcards):
    """The evaluations of all runs of the study, a list for each run."""
    return [under("model", "evaluations.json").format(**run) for run in study_runs()]


def study_scores(wildcards):
    """The scores of all epochs of all runs of the study."""
    found = []
    for run in study_runs():
        epochs = range(1, epochs_of(run["model"]) + 1)
        found += expand(under("model", "scores/epoch_{epoch}.parquet"), epoch=epochs, **run)
        found += expand(
            under("model", "pseudo/ratio={ratio}/scores/epoch_{epoch}.parquet"),
            epoch=epochs,
            ratio=ratios_used(),
            **run,
        )
    return found


def study_splits(wildcards):
    """The reports on all splits of the study."""
    return list(dict.fromkeys(under("seed", "split.json").format(**run) for run in study_runs()))


def study_models():
    """The entries of the study's models as JSON."""
    return json.dumps({name: config["models"][name] for name in STUDY["models"]})


def study_config(wildcards):
    """The study as JSON: what a study file may hold, of what the study uses.

    Without the datasets and models that name files outside of the working folder, for files of advice are handed on. As a
    function of wildcards that it does not need: in a text, Snakemake would take the braces of patterns for wildcards.
    """
    used = {"study": STUDY, "evaluation": config["evaluation"], "templates": config["templates"]}
    for section in ("groupings", "splits"):
        used[section] = {name: config[section][name] for name in STUDY[section]}
    for section in ("datasets", "models"):
        entries = {name: config[section][name] for name in STUDY[section]}
        used[section] = {name: entry for name, entry in entries.items() if may_be_shown(entry)}
    formats = dict.fromkeys(config["datasets"][name]["format"] for name in STUDY["datasets"])
    used["formats"] = {name: config["formats"][name] for name in formats if name}
    return json.dumps(used)


def may_be_shown(entry):
    """Whether an entry of a dataset or a model names no file that only its name may be shown of."""
    source, labels = entry.get("source", {}), entry.get("labels") or {}
    paths = [*own_files(source), source.get("local"), entry.get("hyper", {}).get("vectors")]
    paths += [each["file"] for each in [*source.get("sessions", []), source.get("templates") or {}] if each]
    paths += [labels.get(key) for key in ("file", "kinds", "intervals")]
    outside = any(isinstance(path, str) and path and is_outside(path) for path in paths)
    # The address of a file on this machine holds its whole path, wherever it lies.
    outside = outside or source.get("url", "").lower().startswith("file:")
    return config["report"]["full_paths"] or not outside


def configuration_files():
    """The files of the study's settings, as the reports show them."""
    named = map(str, workflow.overwrite_configfiles)
    return [os.path.relpath(path) if config["report"]["full_paths"] else shown(path) for path in named]


def study_file(wildcards):
    """The file of the study's settings: the first that was named, or the default study's."""
    return (configuration_files() or [beside_snakefile("config/config.yaml")])[0]


def reproduction(wildcards):
    """The command line that makes the study's results."""
    files = configuration_files()
    return shlex.join(["snakemake", "--cores", "all", *(["--configfile", *files] if files else [])])


# reports


def report_files():
    """The reports of the study in a language: one per model with several epochs and the comparison, in every form."""
    names = [f"epoch_report_{model}" for model in STUDY["models"] if epochs_of(model) > 1] + ["comparison_report"]
    return expand(of_study("report/{name}.{{language}}.{form}"), name=names, form=["md", "html"])


def all_reports():
    """The reports in all languages."""
    return expand(report_files(), language=config["report"]["languages"])


TEXTS = beside_snakefile("workflow/report/texts")
PAGE_FILES = [
    beside_snakefile(f"workflow/report/{name}") for name in ("page.html.j2", "page.css", "page.js", "vega-notice.txt")
]


FIGURES = ["metrics_by_epoch", "roc"] + (["learning_curve"] if len(STUDY["sample_sizes"]) > 1 else [])


# manifest


def used_config(wildcards):
    """What the study uses of the configuration, as JSON."""
    return json.dumps(settings.used(config))


def manifest_options():
    """Command-line options for what else the manifest tells, if it was asked for."""
    return " ".join(f"--{name.replace('_', '-')}" for name in ("identify", "full_paths") if config["report"][name])
