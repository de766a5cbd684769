"""A study packed into one file: which files, with which paths, always the same bytes; and its tables compared."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from logassay import bundle, manifest
from logassay.errors import UserError
from logassay.files import write_json, write_parquet

LOG = b"a line\n"
SHA, MD5 = hashlib.sha256(LOG).hexdigest(), hashlib.md5(LOG).hexdigest()
SOURCE: dict[str, Any] = {"local": None, "sha256": None, "md5": None, "member": None, "templates": None}
RESULTS = Path("results/studies/tiny")


def config(source: dict[str, Any], labels: dict[str, Any] | None = None, vectors: Any = None) -> dict[str, Any]:
    return {
        "study": {"name": "tiny", "seeds": [1]},
        "report": {"full_paths": False},
        "compute": {"device": "auto"},
        "datasets": {"own": {"source": SOURCE | source, "labels": labels}},
        "models": {"m": {"hyper": {"vectors": vectors}}},
    }


def put(path: str | Path, data: bytes = LOG) -> Path:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# What is packed, and where it lies.


def test_one_log_keeps_its_name_and_gets_its_digest(work: Path) -> None:
    log = put(work.parent / "my logs/app 1.log")
    pack = bundle.relocate(config({"file": str(log)}))
    source = pack.config["datasets"]["own"]["source"]
    assert source["file"] == "bundle/inputs/own/log/app 1.log"
    assert source["sha256"] == SHA
    assert pack.files == {"bundle/inputs/own/log/app 1.log": log}


def test_files_of_a_pattern_are_named_one_by_one_as_they_lie_to_each_other(work: Path) -> None:
    for name in ("b/app.log.10", "b/app.log.9", "a/app.log.9"):
        put(work.parent / "logs" / name)
    pack = bundle.relocate(config({"file": [str(work.parent / "logs/*/app.log.*")]}))
    source = pack.config["datasets"]["own"]["source"]
    names = ["a/app.log.9", "b/app.log.9", "b/app.log.10"]
    assert source["file"] == [f"bundle/inputs/own/log/{name}" for name in names]
    assert source["sha256"] is None


def test_labels_sequences_and_vectors_are_taken_along(work: Path) -> None:
    for name in ("x/sessions.csv", "x/templates.csv", "labels.csv", "y/kinds.csv", "words.vec"):
        put(name)
    source = {"sessions": [{"file": "x/sessions.csv"}], "templates": {"file": "x/templates.csv"}}
    labels = {"file": "labels.csv", "kinds": "y/kinds.csv"}
    pack = bundle.relocate(config(source, labels, vectors="words.vec"))
    dataset = pack.config["datasets"]["own"]
    assert dataset["source"]["sessions"][0]["file"] == "bundle/inputs/own/sequences/sessions.csv"
    assert dataset["source"]["templates"]["file"] == "bundle/inputs/own/sequences/templates.csv"
    assert dataset["labels"] == {
        "file": "bundle/inputs/own/labels/labels.csv",
        "kinds": "bundle/inputs/own/labels/y/kinds.csv",
    }
    assert pack.config["models"]["m"]["hyper"]["vectors"] == "bundle/inputs/vectors/m/words.vec"
    assert len(pack.files) == 5


@pytest.mark.parametrize("checksum", [{"sha256": SHA}, {"md5": MD5}])
def test_a_download_is_fetched_again_even_if_its_copy_is_here(work: Path, checksum: dict[str, str]) -> None:
    local = put(work.parent / "elsewhere/log.zip")
    source = {"url": "https://example.org/log.zip", "local": str(local), **checksum}
    pack = bundle.relocate(config(source))
    assert pack.files == {}
    assert pack.config["datasets"]["own"]["source"]["local"] is None
    assert [each["url"] for each in pack.downloads] == ["https://example.org/log.zip"]


def test_a_local_file_that_is_not_the_download_is_taken_along(work: Path) -> None:
    put("data/log.txt")
    source = {"url": "https://example.org/log.zip", "sha256": "0" * 64, "md5": "0" * 32, "local": "data/log.txt"}
    pack = bundle.relocate(config(source))
    assert pack.downloads == []
    assert pack.config["datasets"]["own"]["source"] | {"url": ""} == SOURCE | {
        "url": "",
        "file": "bundle/inputs/own/log/log.txt",
        "sha256": SHA,
        "local": "data/log.txt",
    }


def test_a_file_in_place_of_a_download_that_it_is_is_not_looked_for_elsewhere(work: Path) -> None:
    log = put(work.parent / "ann/log.zip")
    pack = bundle.relocate(config({"url": "https://example.org/log.zip", "file": str(log), "sha256": SHA}))
    assert pack.files == {}
    assert [each["url"] for each in pack.downloads] == ["https://example.org/log.zip"]
    assert "file" not in pack.config["datasets"]["own"]["source"]


def test_where_the_project_lies_is_not_told_by_a_copy_in_it(work: Path) -> None:
    source = {"url": "https://example.org/log.zip", "sha256": SHA, "local": str(work / "data/log.zip")}
    assert bundle.relocate(config(source)).config["datasets"]["own"]["source"]["local"] == "data/log.zip"


@pytest.mark.parametrize("checksum", [{"sha256": SHA}, {"md5": MD5}])
@pytest.mark.parametrize("host", ["", "localhost"])
def test_an_address_on_this_machine_is_a_file_of_the_user_s(work: Path, checksum: dict[str, str], host: str) -> None:
    log = put(work.parent / "my logs/log.zip")
    pack = bundle.relocate(config({"url": f"file://{host}{log.as_uri().removeprefix('file://')}", **checksum}))
    assert pack.downloads == []
    assert pack.files == {"bundle/inputs/own/log/log.zip": log}
    assert pack.config["datasets"]["own"]["source"] == SOURCE | {"file": "bundle/inputs/own/log/log.zip", "sha256": SHA}


def test_a_copy_in_place_of_an_address_on_this_machine_is_taken_along(work: Path) -> None:
    copy = put("data/log.zip")
    pack = bundle.relocate(config({"url": "file:///home/ann/log.zip", "local": "data/log.zip", "sha256": SHA}))
    assert pack.files == {"bundle/inputs/own/log/log.zip": copy}
    assert "/home/ann" not in yaml.safe_dump(pack.config)


def test_an_address_on_this_machine_that_holds_something_else_now_is_told(work: Path) -> None:
    log = work.parent / "log.zip"
    used = config({"url": log.as_uri(), "sha256": SHA})
    with pytest.raises(UserError, match=r"datasets\.own\.source\.url: there is no file '.*log\.zip' any more; put it"):
        bundle.relocate(used)
    put(log, b"another\n")
    with pytest.raises(UserError, match=r"datasets\.own\.source\.url: '.*log\.zip' has another checksum than"):
        bundle.relocate(used)


def test_datasets_that_share_their_settings_have_files_of_their_own(work: Path) -> None:
    used = config({"file": str(put("app.log"))}, {"file": str(put("labels.csv"))})
    used["datasets"]["other"] = used["datasets"]["own"]
    pack = bundle.relocate(used)
    for name in ("own", "other"):
        assert pack.config["datasets"][name]["source"]["file"] == f"bundle/inputs/{name}/log/app.log"
        assert pack.config["datasets"][name]["labels"]["file"] == f"bundle/inputs/{name}/labels/labels.csv"
    assert sorted({path.name for path in pack.files.values()}) == ["app.log", "labels.csv"]


def test_a_simulated_log_is_not_packed_and_the_settings_given_are_left_alone(work: Path) -> None:
    before = config({"simulate": {"sessions": 5}})
    pack = bundle.relocate(before)
    assert pack.files == {}
    assert pack.config == before
    pack.config["datasets"]["own"]["source"]["simulate"]["sessions"] = 6
    assert before["datasets"]["own"]["source"]["simulate"]["sessions"] == 5


def test_the_project_is_what_git_tracks_and_new_code(work: Path) -> None:
    for name in ("Snakefile", "scripts/a.py", "gone.md", "scripts/mine.py", "my.log", "results/x", "scripts/a.pyc"):
        put(name)
    put(".gitignore", b"results/\n*.pyc\n")
    # Outside git: what is known by name.
    assert bundle.project_files(work) == ["Snakefile", "scripts/a.py", "scripts/a.pyc", "scripts/mine.py"]
    git = ["git", "-C", str(work), "-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    for command in (
        ["init", "-q"],
        ["add", ".gitignore", "Snakefile", "scripts/a.py", "gone.md"],
        ["commit", "-qm", "1"],
    ):
        subprocess.run([*git, *command], check=True)
    Path("gone.md").unlink()
    assert bundle.project_files(work) == [".gitignore", "Snakefile", "scripts/a.py", "scripts/mine.py"]


# The archive.


def finished(used: dict[str, Any], device: str = "cpu") -> None:
    """Results as a run would leave them, in the working folder."""
    facts = Path("results/runs/dataset=own/model=m/checkpoints/epoch_1.json")
    write_json(facts, {"device": device})
    frame = pl.DataFrame({"model": ["a", "a", "b"], "epoch": [1, 2, 1], "f1": [0.5, None, 0.25]})
    frame = frame.with_columns(roc_fpr=pl.Series([[0.0, 1.0], [], [0.5]]))
    put(RESULTS / "comparison.md", b"# Table\nrow\n")
    frame.drop("roc_fpr").write_csv(RESULTS / "comparison.csv")
    write_parquet(frame, RESULTS / "comparison.parquet")
    crate = manifest.Manifest("tiny", RESULTS, Path("digests.json"), full_paths=False)
    for name in bundle.TABLES:
        crate.file(str(RESULTS / name), made=True)
    crate.file(str(facts), made=True)
    crate.settings("config", dict(manifest.leaves(manifest.public(used))))
    put(RESULTS / bundle.MANIFEST, json.dumps(crate.crate.metadata.generate()).encode())


def packed(used: dict[str, Any], output: str = "tiny.tar.gz", with_inputs: bool = True) -> dict[str, Any]:
    return bundle.pack_study(
        Path(), used, RESULTS, Path(output), remedy="run `snakemake` first", with_inputs=with_inputs
    )


def test_packed_twice_it_is_the_same_bytes_without_owners_times_and_links(work: Path) -> None:
    log = put(work.parent / "my logs/app.log")
    link = work / "app.log"
    link.symlink_to(log)
    script = put("scripts/a.py")
    script.chmod(0o750)
    put("Snakefile")
    used = config({"file": "app.log"})
    finished(used)
    packed(used)
    for path in (log, script, RESULTS / "comparison.md"):
        os.utime(path, (10**9, 10**9))
    facts = packed(used, "again.tar.gz")
    data = Path("tiny.tar.gz").read_bytes()
    assert data == Path("again.tar.gz").read_bytes()
    assert [each["path"] for each in facts["inputs"]] == ["bundle/inputs/own/log/app.log"]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        assert [each.name.removeprefix("logassay-tiny/") for each in members] == [
            "REPRODUCE.md",
            "Snakefile",
            "bundle/bundle.json",
            "bundle/expected/comparison.csv",
            "bundle/expected/comparison.md",
            "bundle/expected/comparison.parquet",
            "bundle/expected/ro-crate-metadata.json",
            "bundle/inputs/own/log/app.log",
            "bundle/study.yaml",
            "scripts/a.py",
        ]
        assert {(each.uid, each.gid, each.uname, each.gname, each.mtime) for each in members} == {
            (0, 0, "", "", 315532800)
        }
        assert all(each.isreg() for each in members)
        assert [each.name for each in members if each.mode != 0o644] == ["logassay-tiny/scripts/a.py"]
        contents = {each.name: archive.extractfile(each).read() for each in members}  # type: ignore[union-attr]
    assert contents["logassay-tiny/bundle/inputs/own/log/app.log"] == LOG
    study = yaml.safe_load(contents["logassay-tiny/bundle/study.yaml"])
    assert study["datasets"]["own"]["source"]["file"] == "bundle/inputs/own/log/app.log"
    everything = b"\n".join(contents.values())
    assert str(work.parent).encode() not in everything
    assert b"my logs" not in everything


def test_paths_with_dots_unpack_and_links_keep_their_names(work: Path, tmp_path: Path) -> None:
    put(work.parent / "logs/a.log", b"a\n")
    put(work.parent / "far/c.log", b"c\n")
    (work / "link").symlink_to(work.parent / "far")
    for name in ("b.log", "../ann/labels.csv", "kinds.csv", "../ann/sessions.csv", "templates.csv"):
        put(name, name.encode())
    source = {
        "file": ["../logs/a.log", "b.log", "./link/c.log"],
        "sessions": [{"file": "../ann/sessions.csv"}],
        "templates": {"file": "templates.csv"},
    }
    used = config(source, {"file": "../ann/labels.csv", "kinds": "./x/../kinds.csv"})
    put("x/y")
    finished(used)
    packed(used)
    with tarfile.open("tiny.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    root = tmp_path / "logassay-tiny"
    inputs = root / "bundle/inputs/own"
    assert {path.relative_to(inputs).as_posix() for path in inputs.rglob("*") if path.is_file()} == {
        *("log/logs/a.log", "log/here/b.log", "log/here/link/c.log"),
        *("labels/ann/labels.csv", "labels/here/kinds.csv"),
        *("sequences/ann/sessions.csv", "sequences/here/templates.csv"),
    }
    study = yaml.safe_load((root / "bundle/study.yaml").read_text())
    contents = [(root / path).read_bytes() for path in study["datasets"]["own"]["source"]["file"]]
    assert contents == [b"a\n", b"b.log", b"c\n"]
    bundle.check_inputs(root)


def test_files_that_would_lie_at_one_place_lie_at_two(work: Path) -> None:
    put(work.parent / "far/a.log", b"far\n")
    (work.parent / "far/in").mkdir()
    (work / "link").symlink_to(work.parent / "far/in")
    put("a.log")
    # The system goes up from where the link leads to.
    pack = bundle.relocate(config({"file": ["link/../a.log", "a.log"]}))
    inside = pack.config["datasets"]["own"]["source"]["file"]
    assert inside == ["bundle/inputs/own/log/1/a.log", "bundle/inputs/own/log/2/a.log"]
    assert [pack.files[name].read_bytes() for name in inside] == [b"far\n", LOG]


def test_nothing_is_packed_that_would_lie_outside(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(work.parent / "a.log")
    used = config({"simulate": {"sessions": 5}})
    finished(used)
    monkeypatch.setattr(bundle, "project_files", lambda root: ["x/../../a.log"])
    with pytest.raises(RuntimeError, match="would not lie in the folder of the bundle"):
        packed(used)
    assert not Path("tiny.tar.gz").exists()


@pytest.mark.parametrize(("device", "kept"), [("cpu", "cpu"), ("cuda", "auto")])
def test_what_was_trained_without_a_graphics_card_is_trained_so_again(work: Path, device: str, kept: str) -> None:
    used = config({"simulate": {"sessions": 5}})
    finished(used, device=device)
    packed(used)
    with tarfile.open("tiny.tar.gz") as archive:
        study = archive.extractfile("logassay-tiny/bundle/study.yaml")
        assert study is not None
        assert yaml.safe_load(study)["compute"]["device"] == kept


def test_inputs_may_be_left_out_and_are_then_asked_for(work: Path, tmp_path: Path) -> None:
    put("Snakefile")
    used = config({"file": str(put("app.log"))})
    finished(used)
    packed(used, with_inputs=False)
    with tarfile.open("tiny.tar.gz") as archive:
        assert not [name for name in archive.getnames() if "inputs" in name]
        archive.extractall(tmp_path, filter="data")
    root = tmp_path / "logassay-tiny"
    with pytest.raises(UserError, match=rf"app\.log is missing; .* 7 bytes, sha256 {SHA}\.$"):
        bundle.check_inputs(root)
    place = put(root / "bundle/inputs/own/log/app.log")
    bundle.check_inputs(root)
    place.write_bytes(b"another\n")
    with pytest.raises(UserError, match="is not the file that the study was run on"):
        bundle.check_inputs(root)


def test_results_that_are_missing_or_stale_are_told_with_the_remedy(work: Path) -> None:
    used = config({"simulate": {"sessions": 5}})
    with pytest.raises(UserError, match=r"no finished results .*; run `snakemake` first\.$"):
        packed(used)
    finished(used)
    packed(used)
    more = config({"simulate": {"sessions": 6}})
    with pytest.raises(
        UserError, match=r"other settings \(datasets\.own\.source\.simulate\.sessions\); run `snakemake`"
    ):
        packed(more)
    put(RESULTS / "comparison.csv", b"tampered\n")
    with pytest.raises(UserError, match=r"comparison\.csv is not what .*; delete it, and run `snakemake` first\.$"):
        packed(used)
    put(RESULTS / bundle.MANIFEST, b"{")
    with pytest.raises(UserError, match=r"is damaged; delete it, and run `snakemake` first\.$"):
        packed(used)


@pytest.mark.parametrize(("length", "said"), [(3, "became shorter"), (9, "changed")])
def test_a_log_that_is_written_while_it_is_packed_is_refused(
    work: Path, monkeypatch: pytest.MonkeyPatch, length: int, said: str
) -> None:
    log = put("app.log")
    used = config({"file": "app.log"})
    finished(used)
    real = os.fstat

    def late(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        if found.st_ino == log.stat().st_ino:
            log.write_bytes(b"b" * length)
        return found

    def after_the_digests(root: Path) -> list[str]:
        monkeypatch.setattr(os, "fstat", late)
        return []

    monkeypatch.setattr(bundle, "project_files", after_the_digests)
    with pytest.raises(UserError, match=rf"app\.log {said} while it was packed"):
        packed(used)
    assert not Path("tiny.tar.gz").exists()


# Comparing.


@pytest.fixture
def unpacked(work: Path) -> Path:
    """A bundle whose study was run again."""
    used = config({"simulate": {"sessions": 5}})
    finished(used)
    packed(used)
    with tarfile.open("tiny.tar.gz") as archive:
        archive.extractall(filter="data")
    root = work / "logassay-tiny"
    os.chdir(root)
    finished(used)
    return root


def rewrite(**cells: Any) -> None:
    path = RESULTS / "comparison.parquet"
    pl.read_parquet(path).with_columns(**cells).write_parquet(path)


def test_each_byte_counts(unpacked: Path) -> None:
    assert bundle.differences(unpacked) == []
    path = RESULTS / "comparison.parquet"
    pl.read_parquet(path).write_parquet(path, compression="gzip")
    assert bundle.differences(unpacked) == ["comparison.parquet: the same cells in other bytes."]


def test_rows_and_columns_that_differ_are_named(unpacked: Path) -> None:
    rewrite(f1=pl.Series([0.5, 0.0, 0.2500000001]))
    assert bundle.differences(unpacked) == [
        "comparison.parquet: 2 rows of 3 differ.",
        "  model a, epoch 2: f1 None expected, 0.0 found",
        "  model b, epoch 1: f1 0.25 expected, 0.2500000001 found",
    ]


def test_the_text_of_a_csv_counts_not_its_value(unpacked: Path) -> None:
    path = RESULTS / "comparison.csv"
    path.write_text(path.read_text().replace("0.25", "0.250"))
    assert bundle.differences(unpacked) == [
        "comparison.csv: 1 row of 3 differ.",
        "  model b, epoch 1: f1 0.25 expected, 0.250 found",
    ]


def test_rows_columns_and_types_that_are_not_there(unpacked: Path) -> None:
    path = RESULTS / "comparison.parquet"
    frame = pl.read_parquet(path)
    frame.head(2).write_parquet(path)
    assert bundle.differences(unpacked) == ["comparison.parquet: 3 rows expected, 2 found; missing model b, epoch 1."]
    frame.drop("f1").write_parquet(path)
    assert bundle.differences(unpacked) == ["comparison.parquet: the columns differ: f1."]
    frame.with_columns(pl.col("epoch").cast(pl.Int32)).write_parquet(path)
    assert bundle.differences(unpacked) == ["comparison.parquet: the types differ in the columns epoch."]


def test_one_other_byte_in_the_markdown_is_found(unpacked: Path) -> None:
    path = RESULTS / "comparison.md"
    path.write_bytes(b"# Table\nrwo\n")
    assert bundle.differences(unpacked) == ["comparison.md: 1 line of 3 differ, the first is line 2."]
    path.write_bytes(b"# Table\nrow\n\n")
    assert bundle.differences(unpacked) == ["comparison.md: 1 line of 3 differ, the first is line 4."]


def test_what_is_no_bundle_or_was_not_run_is_said(unpacked: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not an unpacked bundle"):
        bundle.check_inputs(tmp_path)
    (RESULTS / "comparison.md").unlink()
    with pytest.raises(UserError, match=r"comparison\.md is missing; run `make reproduce`\.$"):
        bundle.differences(unpacked)
    put("bundle/expected/comparison.md", b"tampered")
    with pytest.raises(UserError, match="not as it was packed; unpack the bundle again"):
        bundle.differences(unpacked)
    put("bundle/bundle.json", b"{}")
    with pytest.raises(UserError, match="is damaged; unpack the bundle again"):
        bundle.differences(unpacked)


def test_another_version_and_processor_are_named_as_reasons(unpacked: Path) -> None:
    assert bundle.reasons(unpacked) == []
    path = Path("bundle/bundle.json")
    facts = json.loads(path.read_text())
    now = facts["versions"]["numpy"]
    facts["versions"]["numpy"] = "0.1"
    path.write_text(json.dumps(facts))
    assert bundle.reasons(unpacked) == [f"numpy was 0.1, here it is {now}"]
