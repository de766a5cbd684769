"""The profile for Slurm, with a real Slurm: the results of one computer, also when a node is lost or memory is short.

LOGASSAY_CLUSTER=full adds a run that nothing disturbs, of more models and protocols.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from tests.cluster.slurm import Cluster, lacking
from tests.results_folder import digests
from tests.workflow.project import Project, merged

STUDY: dict[str, Any] = {
    "study": {
        "name": "tiny",
        "datasets": ["simulated"],
        "sample_sizes": [200],
        "models": ["deeplog", "logbert-small"],
        "epochs": 2,
        "protocols": ["labelled"],
    },
    "compute": {"parse_chunks": 3, "parse_threads": 1},
    "report": {"languages": ["en"]},
    "datasets": {"simulated": {"source": {"simulate": {"sessions": 600}}}},
}
OPTIONS = (
    "--workflow-profile=workflow/profiles/slurm",
    "--configfile=study.yaml",
    # This Slurm has no accounting.
    "--slurm-status-command=squeue",
    # Beside other tests, short jobs take so long; who asks sooner has to wait for the next time.
    "--slurm-init-seconds-before-status-checks=14",
    "--latency-wait=5",
)
# Folders of what Slurm wrote about the chains of epochs.
DEEPLOG, LOGBERT = "group_epochs_deeplog_train_epoch", "group_epochs_logbert-small_train_epoch"
SEEDS = "results/runs/dataset=simulated/grouping=session/split=chronological/seed=1"
CHECKPOINT = f"{SEEDS}/size=200/model=deeplog/checkpoints/epoch_1.pt"


@pytest.fixture(autouse=True, scope="module")
def slurm() -> None:
    """Skip where there is no Slurm to start."""
    if reason := lacking():
        pytest.skip(reason)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three nodes."""
    (tmp_path / "slurm").mkdir()
    # A socket's path has room for 107 characters, and Slurm's messages do not say that it is too long.
    with TemporaryDirectory() as short:
        (Path(short) / "slurm").symlink_to(tmp_path / "slurm")
        running = Cluster(Path(short) / "slurm", nodes=3)
        yield running
        running.stop()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The study, run on this computer."""
    project = Project(tmp_path_factory.mktemp("local"))
    project.build(STUDY)
    return project


class Run:
    """Snakemake with the profile for Slurm, at work in a project."""

    def __init__(self, project: Project, cluster: Cluster, study: dict[str, Any], *options: str) -> None:
        (project.root / "study.yaml").write_text(yaml.safe_dump(study))
        self._output = project.root / "run.log"
        # Should anything hang, it survives a mere SIGTERM.
        command = ["timeout", "--kill-after=5", "1500", sys.executable, "-m", "snakemake", *OPTIONS, *options]
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                cluster.inside(*command),
                cwd=project.root,
                env=cluster.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        """Return what has been printed so far."""
        return self._output.read_text()

    def submitted(self) -> dict[str, Path]:
        """Return Slurm's log of each job that was submitted so far."""
        return {job: Path(log) for job, log in re.findall(r"SLURM jobid (\d+) \(log: (.+)\)", self.said())}

    def ended(self) -> bool:
        """Say whether the run has come to an end."""
        return self._process.poll() is not None

    def finish(self) -> None:
        """Wait for the end, which must be a good one."""
        assert self._process.wait() == 0, self.said()[-8000:]

    def wait(self, seconds: float) -> int:
        """Wait for the end and return the exit code."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        """End the run where it is."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def start(cluster: Cluster) -> Iterator[Callable[..., Run]]:
    """Function that starts a run on the cluster; it is ended with the test."""
    runs: list[Run] = []

    def begin(project: Project, study: dict[str, Any], *options: str) -> Run:
        runs.append(Run(project, cluster, study, *options))
        return runs[-1]

    yield begin
    for run in runs:
        run.stop()


def test_a_lost_node_costs_its_jobs_a_retry_and_nothing_else(
    local: Project, cluster: Cluster, start: Callable[..., Run], tmp_path: Path
) -> None:
    project = Project(tmp_path / "project")
    run = start(project, STUDY)
    first = project.root / SEEDS / "size=200/model=logbert-small/checkpoints/epoch_1.json"
    while not first.exists():
        assert not run.ended(), run.said()[-8000:]
        time.sleep(0.1)
    # In the middle of its two epochs.
    (lost,) = (job for job, log in run.submitted().items() if log.parent.name == LOGBERT)
    cluster.kill_node(cluster.running()[lost])
    run.finish()

    jobs = {job["JobId"]: job for job in cluster.completed()}
    assert [job for job in jobs if jobs[job]["JobState"] != "COMPLETED"] == [lost]
    assert jobs[lost]["JobState"] == "NODE_FAIL"
    # All was submitted once, a model's epochs together, and only what was lost a second time.
    times = Counter(log.parent for log in run.submitted().values())
    assert len(jobs) == times.total()
    assert [folder for folder in times if times[folder] > 1] == [run.submitted()[lost].parent]
    assert times[run.submitted()[lost].parent] == 2
    assert sorted(folder.name for folder in times if "epoch" in folder.name) == [DEEPLOG, LOGBERT]
    # What Slurm wrote about jobs is kept where they failed.
    assert [job for job, log in run.submitted().items() if log.exists()] == [lost]
    assert run.submitted()[lost].is_relative_to(project.root / "results/logs/slurm")

    # Chunks and chains were spread over the nodes.
    nodes = {log: jobs[job]["NodeList"] for job, log in run.submitted().items()}
    assert sorted(nodes[log] for log in nodes if log.match("rule_parse_chunk/*/*.log")) == ["node1", "node2", "node3"]
    (other,) = (nodes[log] for log in nodes if log.parent.name == DEEPLOG)
    assert other != jobs[lost]["NodeList"]

    assert digests(project.root / "results") == digests(local.root / "results")
    assert "Nothing to be done" in project.snakemake("--dry-run", study=STUDY).stdout


def test_each_attempt_gets_more_memory_and_epochs_can_be_jobs_of_their_own(
    local: Project, cluster: Cluster, start: Callable[..., Run], tmp_path: Path
) -> None:
    project = Project(tmp_path / "project")
    shutil.copytree(local.root, project.root, dirs_exist_ok=True)
    folder = project.root / SEEDS / "size=200/model=deeplog/checkpoints"
    before = digests(folder)
    shutil.rmtree(folder)
    # 300 MB: too little for a training job and the Snakemake beside it, but half of what would do.
    common = project.root / "workflow/rules/common.smk"
    common.write_text(common.read_text().replace("AROUND_MB = 400", "AROUND_MB = 200"))
    little = merged(STUDY, {"compute": {"model_memory_mb": 100, "epochs_in_one_job": False}})
    run = start(project, little, "--", f"{SEEDS}/size=200/model=deeplog/checkpoints/epoch_2.pt")
    run.finish()

    jobs = sorted(cluster.completed(), key=lambda job: int(job["JobId"]))
    memory = [(job["JobState"] == "COMPLETED", int(re.findall(r"mem=(\d+)M", job["Tres"])[0])) for job in jobs]
    # Beside the 300 MB, 40 for each that is read.
    read = sum((project.root / SEEDS / name).stat().st_size for name in ("train.parquet", "templates.parquet"))
    first = 300 + round(40e-6 * read)
    assert memory == [(False, first), (True, 2 * first)] * 2
    assert {log.parent.parent.name for log in run.submitted().values()} == {"rule_train_epoch"}
    killed = run.submitted()[jobs[0]["JobId"]]
    assert "memory" in killed.read_text()
    assert digests(folder) == before


@pytest.fixture
def untrained(local: Project, tmp_path: Path) -> Project:
    """The study with its results but for one checkpoint."""
    project = local.copy(tmp_path / "project")
    (project.root / CHECKPOINT).unlink()
    return project


def test_training_asks_for_a_card_where_the_device_is_cuda(untrained: Project, start: Callable[..., Run]) -> None:
    run = start(untrained, merged(STUDY, {"compute": {"device": "cuda"}}), "--retries=0", "--", CHECKPOINT)
    # There is none here, and Slurm says no.
    with pytest.raises(AssertionError):
        run.finish()
    (told,) = re.findall("^Group epochs_deeplog: (.+(?:\n.+)*)", run.said(), re.MULTILINE)
    assert re.search(r"sbatch .* --gpus=1 ", told)
    assert "Invalid generic resource" in told


def test_a_chain_that_cannot_be_submitted_ends_the_run(untrained: Project, start: Callable[..., Run]) -> None:
    # An option that is the plugin's own.
    option = "train_epoch:slurm_extra='--gpus=1'"
    run = start(untrained, STUDY, "--set-resources", option, "--retries=0", "--", CHECKPOINT)
    assert run.wait(120) == 1
    assert "error: A job could not be submitted. The --GPU-allocation option is not allowed" in run.said()


@pytest.mark.skipif(os.environ.get("LOGASSAY_CLUSTER") != "full", reason="long: set LOGASSAY_CLUSTER=full")
def test_an_undisturbed_run_gives_the_same(cluster: Cluster, start: Callable[..., Run], tmp_path: Path) -> None:
    more = {"models": [*STUDY["study"]["models"], "new-event"], "protocols": ["labelled", "pseudo"]}
    study = merged(STUDY, {"study": more, "evaluation": {"pseudo": {"sessions": 50}}})
    local, project = Project(tmp_path / "local"), Project(tmp_path / "project")
    local.build(study)
    run = start(project, study)
    run.finish()
    assert {job["JobState"] for job in cluster.completed()} == {"COMPLETED"}
    assert len(cluster.completed()) == len(run.submitted())
    assert not any(log.exists() for log in run.submitted().values())
    assert digests(project.root / "results") == digests(local.root / "results")
