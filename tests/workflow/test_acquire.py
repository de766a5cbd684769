"""Logs from anywhere: downloads, archives, several files; from the source to the table."""

import gzip
import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from logassay.simulate import simulate
from tests.workflow.project import Project


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server, and its folder with an archive like that of HDFS_v1."""
    folder = tmp_path_factory.mktemp("site")
    simulate(folder / "HDFS.log", folder / "labels.csv", folder / "kinds.csv", sessions=400, anomaly_share=0.05, seed=3)
    with zipfile.ZipFile(folder / "HDFS_v1.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.md", "not the log\n")
        archive.write(folder / "HDFS.log", "HDFS.log")
        archive.write(folder / "labels.csv", "preprocessed/anomaly_label.csv")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}", folder
        httpd.shutdown()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def study(dataset: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A study that ends where a log and its labels have been read."""
    chosen = {
        "datasets": [dataset],
        "models": ["new-event"],
        "sample_sizes": [100],
        "protocols": ["labelled"],
        "name": "tiny",
    }
    return {"study": chosen, "datasets": {dataset: entry}, "report": {"languages": ["en"]}}


def sequences(dataset: str) -> str:
    return f"results/runs/dataset={dataset}/grouping=session/sequences.parquet"


def test_a_known_dataset_needs_nothing_but_its_name(project: Project, site: tuple[str, Path]) -> None:
    """Its archive is downloaded, checked and kept; log and labels are read out of it."""
    url, folder = site
    packed = (folder / "HDFS_v1.zip").read_bytes()
    source = {"url": f"{url}/HDFS_v1.zip", "sha256": hashlib.sha256(packed).hexdigest(), "md5": None}
    done = project.snakemake("--nocolor", sequences("hdfs_v1"), study=study("hdfs_v1", {"source": source}))
    assert done.returncode == 0, done.stdout[-3000:]
    run = project.root / "results/runs/dataset=hdfs_v1"
    assert (run / "raw.log").read_bytes() == packed
    assert (run / "labels.csv").read_bytes() == (folder / "labels.csv").read_bytes()
    report = json.loads((run / "parse_report.json").read_text())
    assert report["lines"] == (folder / "HDFS.log").read_bytes().count(b"\n")
    assert json.loads((run / "grouping=session/sequences.json").read_text())["sequences"] == 400
    # An archive that is on this machine takes the place of the download; it is checked, and then nothing is fetched.
    own = study("hdfs_v1", {"source": {"file": str(folder / "HDFS_v1.zip")}})
    said = project.snakemake("--dry-run", sequences("hdfs_v1"), study=own).stdout
    assert "has the sha256" in said
    assert "as datasets.hdfs_v1.source says" in said
    own["datasets"]["hdfs_v1"]["source"]["sha256"] = source["sha256"]
    done = project.snakemake("--dry-run", sequences("hdfs_v1"), study=own)
    assert done.returncode == 0
    assert "parse_log" in done.stdout
    assert "download_log" not in done.stdout


def test_a_wrong_checksum_is_told(project: Project, site: tuple[str, Path]) -> None:
    source = {"url": f"{site[0]}/HDFS_v1.zip", "sha256": "0" * 64, "md5": None}
    done = project.snakemake("--nocolor", sequences("hdfs_v1"), study=study("hdfs_v1", {"source": source}))
    assert done.returncode != 0
    assert f"not {'0' * 64} as given" in done.stdout
    assert not (project.root / "results/runs/dataset=hdfs_v1").exists()  # Snakemake removes an empty folder


def test_a_log_in_several_files(project: Project, site: tuple[str, Path]) -> None:
    """Rotated, the older ones compressed, found by patterns: the same lines as in one file, in the order of time."""
    lines = (site[1] / "HDFS.log").read_bytes().splitlines(keepends=True)
    third = len(lines) // 3
    logs = project.root / "the logs"
    logs.mkdir()
    (logs / "a.log").write_bytes(b"".join(lines[2 * third :]))
    (logs / "z.log.1").write_bytes(b"".join(lines[third : 2 * third]))
    (logs / "m.log.2.gz").write_bytes(gzip.compress(b"".join(lines[:third])))
    (logs / "empty.log").touch()
    source = {"file": ["the logs/*.log*", "the logs/a.log"]}
    labels = {"file": str(site[1] / "labels.csv")}
    entry = {"format": "hdfs", "source": source, "labels": labels}
    target = sequences("own")
    done = project.snakemake("--nocolor", target, study=study("own", entry))
    assert done.returncode == 0, done.stdout[-3000:]
    report = json.loads((project.root / "results/runs/dataset=own/parse_report.json").read_text())
    assert [Path(file["file"]).name for file in report["files"]] == ["m.log.2.gz", "z.log.1", "a.log", "empty.log"]
    assert report["lines"] == len(lines)
    whole = study("whole", entry | {"source": {"file": str(site[1] / "HDFS.log")}})
    assert project.snakemake("--nocolor", sequences("whole"), study=whole).returncode == 0
    same = [(project.root / f"results/runs/dataset={name}/lines.parquet").read_bytes() for name in ("own", "whole")]
    assert same[0] == same[1]
    # Another file is new data; a file that was merely touched is not.
    (logs / "a.log").touch()
    assert "Nothing to be done" in project.snakemake("--dry-run", target, study=study("own", entry)).stdout
    (logs / "b.log").write_bytes(lines[-1])
    assert "parse_log" in project.snakemake("--dry-run", target, study=study("own", entry)).stdout
