"""The manifest of a study: what it says of files, jobs, code, settings and the machine, and what it keeps to itself."""

import base64
import getpass
import hashlib
import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rocrate.rocrate import ROCrate

import write_manifest
from logassay import manifest
from logassay.files import read_json, write_json, write_parquet

HOME = Path("results/studies/tiny")
LINES = "results/runs/dataset=own/lines.parquet"
FACTS = "results/runs/dataset=own/model=m/checkpoints/epoch_1.json"
TABLE = "results/studies/tiny/comparison.csv"
CONFIG: dict[str, Any] = {
    "study": {"name": "tiny", "seeds": [1, 2], "eval_sample_size": None},
    "datasets": {
        "own": {"source": {"file": ["logs/a.log", "/home/ann/secret/b*.log"]}, "labels": None, "description": ""}
    },
    "models": {
        "n": {"hyper": {"vectors": ""}},
        "m": {"hyper": {"vectors": "/home/ann/words.vec", "learning_rate": 0.001}},
    },
}


def record(path: str, rule: str, inputs: list[str], log: str, started: float, code: str = "0123456789abcdef") -> None:
    """Write down how a file was made, as Snakemake does."""
    name = base64.urlsafe_b64encode(path.encode()).decode()
    place = Path(".snakemake/metadata", *(f"@{name[:254]}", name[254:]) if len(name) > 254 else (name,))
    place.parent.mkdir(parents=True, exist_ok=True)
    params = ["'session'", f"'{code}'", "1", f"'../scripts/{rule}.py'"]
    facts = {
        "rule": rule,
        "input": inputs,
        "log": [log],
        "params": params,
        "starttime": started,
        "endtime": started + 2,
    }
    place.write_text(json.dumps(facts))


def put(path: str, text: str = "x") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log outside of the working folder, parsed through a chunk that is gone, a model, and a table."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    log = str(tmp_path / "ann" / "b 1.log")
    put(log, "line\n")
    put("scheme.json", "{}")
    write_parquet(pl.DataFrame({"line": [1]}), Path(LINES))
    put(TABLE, "a,b\n")
    put("results/studies/tiny/advice/01 more.yaml", "{}")
    put("results/studies/tiny/advice/.snakemake_timestamp", "")
    Path(FACTS).parent.mkdir(parents=True)
    write_json(Path(FACTS), {"versions": {"torch": "2.0.0", "numpy": None}})
    chunk = "results/runs/dataset=own/chunks/1-of-2.arrow"
    record(chunk, "parse_chunk", [log], "results/logs/dataset=own/chunks/1-of-2.log", 100)
    record(LINES, "gather_chunks", [log, chunk], "results/logs/dataset=own/parse.log", 102)
    record(FACTS, "train_epoch", [LINES], "results/logs/dataset=own/train_1.log", 104, code="feedfeedfeedfeed")
    for end in (TABLE, "results/studies/tiny/advice"):
        record(end, "compare_runs", [FACTS, "scheme.json"], "results/logs/studies/tiny/compare.log", 106)
    put("results/benchmarks/dataset=own/parse.tsv", "s\th:m:s\tmax_rss\tcpu_time\n2.5\t0:00:02\t120.25\tNA\n")
    return work


def described(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "config": CONFIG,
        "engine": "9.27.1",
        "project": Path(),
        "records": Path(".snakemake/metadata"),
        "digests": Path("results/cache/input_digests.json"),
        "identify": False,
        "full_paths": False,
    }
    return manifest.describe("tiny", [TABLE, "results/studies/tiny/advice"], HOME, **(arguments | changes))


def entities(text: str) -> dict[str, Any]:
    return {each["@id"]: each for each in json.loads(text)["@graph"]}


def test_it_reads_as_a_crate_that_has_what_the_specification_requires(study: Path) -> None:
    put(str(HOME / "ro-crate-metadata.json"), described())
    crate = ROCrate(HOME)
    assert crate.version == "1.1"
    root = crate.root_dataset
    assert {"name", "description", "datePublished", "license"} <= set(root)
    assert root["conformsTo"].id == "https://w3id.org/ro/wfrun/process/0.5"
    actions = crate.get_by_type("CreateAction")
    assert [each.id for each in root["mentions"]] == [each.id for each in actions if each.id == "#run"] + [
        f"#job/{name}"
        for name in ("dataset=own/chunks/1-of-2", "dataset=own/parse", "dataset=own/train_1", "studies/tiny/compare")
    ]
    for action in actions:
        assert {"name", "description", "endTime", "instrument"} <= set(action)
        assert action["instrument"].type == "SoftwareApplication"
        # Nothing refers to what is not described.
        for key in ("object", "result", "resourceUsage"):
            found = action.get(key, [])
            assert not any(isinstance(each, str) for each in (found if isinstance(found, list) else [found]))
    for file in crate.get_by_type("File"):
        assert {"name", "contentSize", "encodingFormat", "sha256"} <= set(file)
        assert file in root["hasPart"]


def test_a_file_has_size_digest_type_and_the_job_that_made_it(study: Path) -> None:
    graph = entities(described())
    lines = graph["../../runs/dataset%3Down/lines.parquet"]
    assert lines == {
        "@id": "../../runs/dataset%3Down/lines.parquet",
        "@type": "File",
        "name": "lines.parquet",
        "contentSize": str(Path(LINES).stat().st_size),
        "encodingFormat": "application/vnd.apache.parquet",
        "sha256": hashlib.sha256(Path(LINES).read_bytes()).hexdigest(),
    }
    job = graph["#job/dataset=own/parse"]
    assert job["result"] == {"@id": lines["@id"]}
    assert job["name"].startswith("gather_chunks: ")
    assert (job["startTime"], job["endTime"]) == ("1970-01-01T00:01:42.000+00:00", "1970-01-01T00:01:44.000+00:00")
    assert graph[job["instrument"]["@id"]]["version"] == "0123456789abcdef"
    assert graph[graph["#job/dataset=own/train_1"]["instrument"]["@id"]]["version"] == "feedfeedfeedfeed"
    # Processor time was not measured, and other jobs have no benchmark at all.
    assert [graph[each["@id"]]["value"] for each in job["resourceUsage"]] == [2.5, 120.25]
    assert "resourceUsage" not in graph["#job/dataset=own/train_1"]


def test_folders_temporary_files_and_files_of_the_project(study: Path) -> None:
    graph = entities(described())
    assert graph["advice/"]["hasPart"] == {"@id": "advice/01%20more.yaml"}
    assert graph["#gone/results/runs/dataset%3Down/chunks/1-of-2.arrow"]["@type"] == "CreativeWork"
    assert graph["../../../scheme.json"]["sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert {"@id": "../../../scheme.json"} in graph["#run"]["object"]


def test_settings_and_seeds_are_objects_of_the_run(study: Path) -> None:
    graph = entities(described())
    values = {each["name"]: each["value"] for name, each in graph.items() if name.startswith("#config/")}
    assert values["study.seeds"] == "[1, 2]"
    assert values["study.eval_sample_size"] == "null"
    assert values["models.m.hyper.learning_rate"] == 0.001
    assert values["datasets.own.description"] == ""
    assert {"@id": "#config/study.seeds"} in graph["#run"]["object"]


def test_nothing_tells_the_user_the_machine_or_folders_outside(study: Path) -> None:
    text = described()
    graph = entities(text)
    assert json.loads(graph["#config/datasets.own.source.file"]["value"]) == ["logs/a.log", "b*.log"]
    assert graph["#config/models.m.hyper.vectors"]["value"] == "words.vec"
    assert graph["#config/models.n.hyper.vectors"]["value"] == ""
    log = next(each for name, each in graph.items() if name.startswith("#input/"))
    assert (log["name"], log["contentSize"], log["sha256"]) == ("b 1.log", "5", hashlib.sha256(b"line\n").hexdigest())
    assert str(study.parent) not in text
    assert "/home" not in text
    assert "#user" not in graph
    assert "#machine/host" not in graph
    told = entities(described(identify=True, full_paths=True))
    assert told["#user"]["name"] == getpass.getuser()
    assert told["#machine/host"]["value"] == socket.gethostname()
    assert told[log["@id"]]["alternateName"] == str(study.parent / "ann" / "b 1.log")
    assert told["#config/models.m.hyper.vectors"]["value"] == "/home/ann/words.vec"


def test_an_address_on_this_machine_goes_by_its_name_and_others_are_told(study: Path) -> None:
    def shown(url: str, **changes: Any) -> str:
        config = {"datasets": {"own": {"source": {"url": url, "sha256": "0" * 64}}}}
        text = described(config=config, **changes)
        assert ("/home" in text) == ("full_paths" in changes)
        return str(entities(text)["#config/datasets.own.source.url"]["value"])

    for url in ("file:///home/ann/my%20logs/log.zip", "FILE://localhost/home/ann/log.zip", "file:/home/ann/log.zip"):
        assert shown(url) == "log.zip"
        assert shown(url, full_paths=True) == url
    assert shown((study / "logs/a.log").as_uri()) == "logs/a.log"
    assert shown("https://example.org/log.zip") == "https://example.org/log.zip"


def test_it_is_the_same_wherever_the_folder_lies_but_for_when_it_was_written(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = entities(described())
    moved = study.with_name("elsewhere")
    study.rename(moved)
    monkeypatch.chdir(moved)
    second = entities(described())
    for graph in (first, second):
        del graph["./"]["datePublished"]
    assert first == second


def test_versions_are_those_installed_and_those_that_trained(study: Path) -> None:
    put("pyproject.toml", '[project]\ndependencies = ["polars==0.0.1", "no-such-package==1"]\n')
    graph = entities(described())
    named = {(each["name"], each["softwareVersion"]) for each in graph.values() if "softwareVersion" in each}
    polars = manifest.installed(["polars"])["polars"]
    python = manifest.installed([])["python"]
    assert named == {("polars", polars), ("python", python), ("torch", "2.0.0"), ("snakemake", "9.27.1")}


def test_without_records_files_are_described_and_no_job_is_made_up(study: Path) -> None:
    graph = entities(described(records=Path("nowhere")))
    assert graph["comparison.csv"]["contentSize"] == "4"
    assert not [name for name in graph if name.startswith("#job/")]
    assert "endTime" not in graph["#run"]


def test_a_damaged_or_half_written_record_counts_as_none(study: Path) -> None:
    name = base64.urlsafe_b64encode(TABLE.encode()).decode()
    for text in ("{", "[]", '{"rule": null, "incomplete": true}'):
        put(f".snakemake/metadata/{name}", text)
        assert manifest.Records(Path(".snakemake/metadata")).of(TABLE) is None


def test_records_of_long_paths_are_found(study: Path) -> None:
    path = f"results/{'x' * 240}/{'y' * 100}.parquet"
    record(path, "parse_log", [], "results/logs/x.log", 1)
    found = manifest.Records(Path(".snakemake/metadata")).of(path)
    assert found is not None
    assert found["rule"] == "parse_log"


def test_simulated_logs_are_under_the_licence_of_the_software_and_others_are_not(study: Path) -> None:
    assert entities(described())["./"]["license"] == {"@id": "#licence"}
    simulated = CONFIG | {"datasets": {"simulated": {"source": {"simulate": {"seed": 1}}}}}
    assert entities(described(config=simulated))["./"]["license"] == {"@id": "https://spdx.org/licenses/MIT"}


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    return subprocess.run(["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=True).stdout


def test_commit_and_changes_that_are_not_committed(study: Path) -> None:
    assert manifest.revision(study) == (None, [])
    for name in ("Snakefile", "scripts/a.py", "notes.txt"):
        put(name)
    git(study, "init", "--quiet")
    assert manifest.revision(study) == (None, [])
    git(study, "add", "Snakefile", "scripts/a.py", "notes.txt")
    git(study, "commit", "--quiet", "--message", "first")
    commit = git(study, "rev-parse", "HEAD").strip()
    assert manifest.revision(study) == (commit, [])
    put("scripts/a.py", "changed")
    put("scripts/new model.py", "new")
    put("notes.txt", "no part in any result")
    put("my.log", "nor this")
    assert manifest.revision(study) == (commit, ["scripts/a.py", "scripts/new model.py"])
    graph = entities(described())
    assert graph["#workflow"]["version"] == commit
    changes = graph["#git/changes%20that%20are%20not%20committed"]["value"]
    assert json.loads(changes) == ["scripts/a.py", "scripts/new model.py"]
    # A copy inside that repository which it does not track has no commit.
    put("copy/Snakefile")
    assert manifest.revision(study / "copy") == (None, [])


def test_the_record_beside_a_manifest_holds_its_checksum(study: Path) -> None:
    output, beside = HOME / manifest.MANIFEST, HOME / manifest.RECORD
    options = ["--study", "tiny", "--ends", TABLE, "--config", json.dumps(CONFIG), "--engine", "9.27.1"]
    write_manifest.run(
        write_manifest.arguments().parse_args([*options, "--output", str(output), "--record", str(beside)])
    )
    assert read_json(beside) == {"made": {"manifest": hashlib.sha256(output.read_bytes()).hexdigest()}}
