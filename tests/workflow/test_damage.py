"""Damage is told before anything is made of it: by every program that reads a damaged file, and by `make verify`.

LOGASSAY_DAMAGE is how many damaged forms of each input of each job are tried.
"""

import bz2
import fcntl
import gzip
import importlib
import io
import lzma
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
import zstandard

from logassay import adopt, files
from logassay.errors import UserError
from logassay.line_format import LineFormat
from logassay.manifest import MANIFEST
from logassay.parse import parse
from tests.results_folder import digests
from tests.workflow.project import ROOT, STUDY, Project, merged

TRIES = int(os.environ.get("LOGASSAY_DAMAGE", "2"))
SMALL = merged(
    STUDY,
    {
        "study": {"models": ["deeplog", "new-event"]},
        "datasets": {"simulated": {"source": {"simulate": {"sessions": 400}}}},
        "report": {"languages": ["en"]},
        "compute": {"parse_chunks": 2},
    },
)
RUN = "results/runs/dataset=simulated"
SEED = f"{RUN}/grouping=session/split=chronological/seed=1"
MODEL = f"{SEED}/size=200/model=deeplog"
TABLE = "results/studies/tiny/comparison.parquet"


@pytest.fixture(scope="module")
def damaged_study(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small study, run to its end with all that is temporary; tests leave its results as they were."""
    project = Project(tmp_path_factory.mktemp("damage") / "project")
    done = project.snakemake("--notemp", study=SMALL)
    assert done.returncode == 0, done.stdout[-5000:]
    return project


def harm(data: bytes, draw: random.Random) -> bytes:
    """Flip a bit, or cut."""
    place = draw.randrange(len(data))
    if draw.random() < 0.5:
        return data[:place]
    return data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]


@contextmanager
def changed(path: Path, data: bytes) -> Iterator[None]:
    """Another content for a while, with the same times: as a disk damages files, not a program."""
    before, status = path.read_bytes(), path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def checked(path: Path) -> bool:
    """Whether a result holds a seal, or stands in a record of what made it."""
    sealed = path.suffix in files.MARKS and path.name != MANIFEST
    return path.is_file() and (sealed or path.name in ("raw.log", "labels.csv", "kinds.csv"))


def jobs(project: Project) -> list[tuple[list[str], list[str]]]:
    """List the command line of each job of the study, and which of its arguments are results of other jobs."""
    outputs = set()
    for line in project.snakemake("--summary", study=SMALL).stdout.splitlines():
        cells = line.split("\t")
        if len(cells) > 3:
            outputs.add((cells[3], cells[0]))  # a job's log and one of its files
    planned = project.snakemake("--dry-run", "--forceall", "--printshellcmds", "--notemp", study=SMALL).stdout
    found = []
    for line in re.findall(r"^Shell command: python (.*)$", planned, re.MULTILINE):
        words = shlex.split(line)
        log = words[words.index("--log") + 1]
        paths = [word.partition("=")[2] if re.match(r"\w+=results/", word) else word for word in words]
        if "evaluate_scores" in words[0]:
            paths.remove(words[words.index("--checkpoint") + 1])  # only recorded
        # The job that joins the chunks of a log compares it with its record, once for all.
        if "parse_chunk" not in words[0]:
            read = [path for path in paths if path.startswith("results/") and (log, path) not in outputs]
            found.append((words, [path for path in dict.fromkeys(read) if checked(project.root / path)]))
    return found


def test_every_job_refuses_every_damaged_input(damaged_study: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(damaged_study.root)
    monkeypatch.syspath_prepend(str(damaged_study.root / "scripts"))
    before = digests(Path("results"))
    draw = random.Random(1)
    tried = set()
    for words, inputs in jobs(damaged_study):
        program = importlib.import_module(Path(words[0]).stem)
        args = program.arguments().parse_args(words[1:])
        for path in map(Path, inputs):
            for _ in range(TRIES):
                data = harm(path.read_bytes(), draw)
                files._whole.clear()
                files._digests.clear()
                with (
                    changed(path, data),
                    pytest.raises(UserError, match=r"is damaged \(.*\); delete it and run") as told,
                ):
                    program.run(args)
                assert str(path) in str(told.value), (words[0], told.value)
            tried.add((Path(words[0]).name, path.suffix))
    assert {suffix for _, suffix in tried} == {".arrow", ".csv", ".js", ".json", ".log", ".npz", ".parquet", ".pt"}
    assert len({name for name, _ in tried}) == 15
    assert digests(Path("results")) == before


def verify(project: Project) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/verify_results.py", "--study", "study.yaml"]
    return subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)


def results_files(root: Path) -> list[Path]:
    return [path for path in (root / "results").rglob("*") if path.is_file()]


def test_verify_names_what_is_wrong_and_its_remedies_work(damaged_study: Project) -> None:
    root = damaged_study.root
    before = digests(root / "results")
    clean = verify(damaged_study)
    assert (clean.returncode, clean.stderr) == (0, ""), clean.stdout
    assert clean.stdout.startswith("All files in results are whole")

    draw = random.Random(2)
    shown = f"{MODEL}/evaluation=labelled/epoch_1/score_dist_epoch_1.png"
    wrong = [
        f"{MODEL}/checkpoints/epoch_2.pt",
        f"{MODEL}/scores/epoch_1.json",
        shown,
        "results/studies/tiny/comparison.csv",
    ]
    for name in wrong:
        status = (root / name).stat()
        (root / name).write_bytes(harm((root / name).read_bytes(), draw))
        os.utime(root / name, ns=(status.st_atime_ns, status.st_mtime_ns))
    # Whole, but of another epoch.
    swapped = f"{MODEL}/scores/epoch_2.parquet"
    shutil.copy2(root / f"{MODEL}/scores/epoch_1.parquet", root / swapped)
    left = f"{SEED}/.test.parquet.7-00000000.part"
    (root / left).write_bytes(b"PAR1")
    # A file of the user's in the results.
    yours = f"{SEED}/notes.json"
    (root / yours).write_text("{}")
    tree = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in results_files(root)}
    with (root / "results/cache/running").open("rb") as note:
        fcntl.flock(note, fcntl.LOCK_SH)
        told = verify(damaged_study)
    assert told.returncode == 1
    assert "A run is at work in results: look again when it has ended" in told.stdout
    assert "Delete:" not in told.stdout
    told = verify(damaged_study)
    assert told.returncode == 1
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in results_files(root)} == tree
    lines = told.stdout.splitlines()
    reasons = dict(line.split(": ", 1) for line in lines if line.startswith("results/"))
    assert reasons.keys() >= {*wrong, swapped, left}
    assert reasons[swapped] == "its content does not match the checksum in epoch_2.json"
    assert reasons[left] == "it is a temporary file of a job that was killed or still runs"
    assert f"Look at:   {yours}, which may be yours: no record says that a job made it" in lines
    remedies = [line.partition(":")[2] for line in lines if line.startswith(("Delete:", "Make anew:"))]
    assert set(shlex.split(remedies[0])) == {"rm", "-rf", *wrong, swapped, left}
    for remedy in remedies:
        words = shlex.split(remedy)
        words = [sys.executable, "-m", *words] if words[0] == "snakemake" else words
        done = subprocess.run(
            [*words, *(["--notemp"] if "-m" in words else [])], cwd=root, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
    assert (root / yours).read_text() == "{}"
    (root / yours).unlink()
    assert verify(damaged_study).returncode == 0
    assert digests(root / "results") == before


def test_a_flipped_digit_of_a_manifest_is_not_a_flipped_bit_of_a_file(damaged_study: Project) -> None:
    manifest = damaged_study.root / "results/studies/tiny/ro-crate-metadata.json"
    digest = files.sha256_of(damaged_study.root / "results/studies/tiny/comparison.csv")
    other = f"{int(digest[0], 16) ^ 1:x}{digest[1:]}"
    with changed(manifest, manifest.read_bytes().replace(digest.encode(), other.encode())):
        told = verify(damaged_study)
        assert told.returncode == 1
        name = "results/studies/tiny/ro-crate-metadata.json"
        assert told.stdout.splitlines()[0] == f"{name}: its content does not match the checksum in manifest.json"
        assert f"Delete:    rm -rf {name}" in told.stdout.splitlines()


def test_verify_says_what_it_found_of_a_study_whose_log_was_moved_away(damaged_study: Project) -> None:
    root = damaged_study.root
    mine = {"format": "hdfs", "source": {"file": "gone.log"}}
    gone = merged(SMALL, {"study": {"datasets": ["simulated", "mine"]}, "datasets": {"mine": mine}})
    (root / "study.yaml").write_text(yaml.safe_dump(gone))
    lines = root / RUN / "lines.parquet"
    data = lines.read_bytes()
    with changed(lines, data[:99] + bytes([data[99] ^ 1]) + data[100:]):
        told = verify(damaged_study)
    why = "Snakemake cannot plan the study: datasets.mine.source.file: there is no file 'gone.log'; correct the path."
    assert (told.returncode, told.stderr) == (1, "")
    assert told.stdout.splitlines() == [
        f"{RUN}/lines.parquet: its content does not match its checksum",
        f"Delete:    rm -rf {RUN}/lines.parquet",
        why,
    ]
    told = verify(damaged_study)
    (root / "study.yaml").write_text(yaml.safe_dump(SMALL))
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.endswith(f" ERROR {why}\n")


def test_a_run_names_the_damaged_file_and_goes_on_when_it_is_deleted(damaged_study: Project) -> None:
    root = damaged_study.root
    before = digests(root / "results")
    broken = root / SEED / "test.parquet"
    status = broken.stat()
    data = broken.read_bytes()
    broken.write_bytes(data[:99] + bytes([data[99] ^ 1]) + data[100:])
    os.utime(broken, ns=(status.st_atime_ns, status.st_mtime_ns))
    evaluation = f"{MODEL}/evaluation=labelled/epoch_2/evaluation_results_epoch_2.json"
    for name in (f"{MODEL}/scores/epoch_2.parquet", evaluation, f"{MODEL}/epochs.parquet", TABLE):
        (root / name).unlink()  # all that lies between the damaged file and the study's table
    failed = damaged_study.snakemake("--notemp", study=SMALL)
    assert failed.returncode == 1
    assert (
        f"error: {SEED}/test.parquet is damaged (its content does not match its checksum); delete it and run "
        in failed.stdout
    )
    assert "Traceback" not in failed.stdout
    broken.unlink()
    done = damaged_study.snakemake("--notemp", study=SMALL)
    assert done.returncode == 0, done.stdout[-5000:]
    assert digests(root / "results") == before


HDFS = LineFormat.from_dict("hdfs", yaml.safe_load((ROOT / "config/formats.yaml").read_text())["formats"]["hdfs"])
LOG = b"".join(
    b"081109 203518 %d INFO dfs.Writer: Receiving block blk_%d size %d\n" % (i, i % 99, i * i) for i in range(3000)
)


def archives(data: bytes) -> dict[str, bytes]:
    """Return a log in every packed form that has checksums."""
    tar, zipped = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as file:
        info = tarfile.TarInfo("a.log")
        info.size = len(data)
        file.addfile(info, io.BytesIO(data))
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.log", data)
    zstd = zstandard.ZstdCompressor(write_checksum=True)
    return {
        "log.gz": gzip.compress(data),
        "log.zst": zstd.compress(data),
        "log.bz2": bz2.compress(data),
        "log.xz": lzma.compress(data),
        "log.zip": zipped.getvalue(),
        "log.tar.gz": gzip.compress(tar.getvalue()),
        "log.tar.zst": zstd.compress(tar.getvalue()),
    }


@pytest.mark.parametrize("name", archives(b""))
def test_a_damaged_archive_is_refused_or_reads_the_same(tmp_path: Path, name: str) -> None:
    path, outputs = tmp_path / name, [tmp_path / f"{table}.parquet" for table in ("lines", "messages", "rejects")]
    data = archives(LOG)[name]
    path.write_bytes(data)
    parse(path, HDFS, *outputs)
    expected = [output.read_bytes() for output in outputs]
    draw, told = random.Random(name), []
    for _ in range(8 * TRIES):
        path.write_bytes(harm(data, draw))
        try:
            parse(path, HDFS, *outputs)
        except UserError as error:
            told.append(str(error))
        # What no checksum covers, such as a name or a time, is not in the tables.
        assert [output.read_bytes() for output in outputs] == expected
    assert len(told) > 4 * TRIES
    assert all(str(path) in each for each in told), told


def test_damaged_sequences_of_others_are_refused_or_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "sessions.csv"
    rows = [
        "Key,Events,Label",
        *(f"s{i},{i % 7} {i % 5} 3,{'Anomaly' if i % 9 == 0 else 'Normal'}" for i in range(200)),
    ]
    data = "\n".join(rows).encode()
    sessions = adopt.SessionFile(str(path), "Events", "Key", "Label")
    draw = random.Random(4)
    told = []
    for _ in range(20 * TRIES):
        path.write_bytes(harm(data, draw))
        try:
            found, _, facts = adopt.adopt([sessions], None)
        except UserError as error:
            told.append(str(error))
        else:
            assert found.height == facts["sequences"] <= 200
    assert told != []
    assert all(str(path) in each for each in told), told
