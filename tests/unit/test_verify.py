"""Every kind of finding in a small results folder made by hand, and nothing else."""

import base64
import errno
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest

from logassay import resume
from logassay.digest import file_digest
from logassay.errors import UserError
from logassay.files import digests_of, read_json, sha256_of, write_json, write_parquet
from logassay.manifest import Records
from logassay.verify import Finding, at_work, plan, to_delete, walk

DATASET = "runs/dataset=d"
SEED = f"{DATASET}/grouping=g/split=s/seed=1"
MODEL = f"{SEED}/size=9/model=m"
EVALUATION = f"{MODEL}/evaluation=pseudo/ratio=00200/epoch_1"
PICTURE = f"{EVALUATION}/score_dist_epoch_1.png"
JOB = (f"{SEED}/train.parquet", f"{EVALUATION}/evaluation_results_epoch_1.json", PICTURE)
"""The files below the results that the manifest lists; the last two are made by one job from the first."""
MANIFEST = "studies/one/ro-crate-metadata.json"


def table(path: Path, number: int) -> Path:
    write_parquet(pl.DataFrame({"number": [number]}), path)
    return path


def record(path: Path, made_from: dict[str, Path], made: dict[str, Path], **facts: Any) -> Path:
    write_json(path, {**facts, "made_from": digests_of(**made_from), "made": digests_of(**made)})
    return path


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Adopted sequences, a split, two epochs of a model, scores, an evaluation, a manifest, a file of the user's."""
    monkeypatch.chdir(tmp_path)
    folder = Path("results")
    own = Path("own.csv")
    own.write_text("a,b\n")
    file_digest(own, folder / "cache" / "input_digests.json")
    adopted = table(folder / DATASET / "adopted.parquet", 1)
    record(folder / DATASET / "adopted.json", {"sessions_1": own}, {"sequences": adopted})
    split = table(folder / SEED / "split.parquet", 2)
    record(folder / SEED / "split.json", {"sequences": adopted}, {"split": split})
    train = table(folder / SEED / "train.parquet", 3)
    checkpoints = folder / MODEL / "checkpoints"
    previous = {}
    for epoch in (1, 2):
        path = checkpoints / f"epoch_{epoch}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        body = b"epoch %d" % epoch + b"logassay sha256 "
        path.write_bytes(body + hashlib.sha256(body).hexdigest().encode())
        facts = checkpoints / f"epoch_{epoch}.json"
        record(facts, {"train": train, **previous}, {}, checkpoint_sha256=sha256_of(path))
        previous = {"previous": path}
    mutated = table(folder / SEED / "pseudo/ratio=00200/mutated.parquet", 4)
    scores = table(folder / MODEL / "pseudo/ratio=00200/scores/epoch_1.parquet", 5)
    checkpoint = checkpoints / "epoch_1.pt"
    record(scores.with_suffix(".json"), {"checkpoint": checkpoint, "mutated": mutated}, {"scores": scores})
    intact = table(folder / MODEL / "scores/epoch_1.parquet", 6)
    record(folder / JOB[1], {"scores": intact, "mutated_scores": scores}, {})
    (folder / PICTURE).write_bytes(b"picture")
    list_files(folder, "one")
    return folder


def list_files(results: Path, study: str, *more: dict[str, Any]) -> None:
    """Write a manifest of the training part, of the evaluation with its picture, and of the user's file."""
    home = results / "studies" / study
    home.mkdir(parents=True, exist_ok=True)
    names = {path: os.path.relpath(path, home) for path in (*(results / name for name in JOB), Path("own.csv"))}
    entities = [{"@id": quote(name), "@type": "File", "sha256": sha256_of(path)} for path, name in names.items()]
    entities += [{"@id": "#input/own.csv", "@type": "CreativeWork", "sha256": "0" * 64}, {"@id": "./", "name": study}]
    train, *evaluation = ({"@id": each["@id"]} for each in entities[: len(JOB)])
    jobs = [{"object": {"@id": "#input/x"}, "result": train}, {"object": [train], "result": evaluation}]
    entities += [{"@id": f"#job/{number}", "@type": "CreateAction", **job} for number, job in enumerate(jobs)]
    manifest = home / "ro-crate-metadata.json"
    manifest.write_text(json.dumps({"@graph": [*entities, *more]}))
    seal_manifest(manifest)


def seal_manifest(manifest: Path) -> None:
    write_json(manifest.with_name("manifest.json"), {"made": {"manifest": sha256_of(manifest)}})


def found(results: Path) -> dict[str, tuple[str, str]]:
    return {finding.path.removeprefix("results/"): (finding.reason, finding.remedy) for finding in walk(results)}


def flip(path: Path) -> None:
    """Change a byte, and not the time."""
    data, status = path.read_bytes(), path.stat()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_nothing_is_wrong(results: Path) -> None:
    assert walk(results) == []


def test_damaged_files_are_named_and_not_what_was_made_from_them(results: Path) -> None:
    flip(results / SEED / "train.parquet")
    flip(results / MODEL / "checkpoints/epoch_1.pt")
    (results / SEED / "split.json").write_text("{}")
    flip(results / PICTURE)
    cut = "it has no checksum: it was cut off, or an older version of LogAssay wrote it"
    assert found(results) == {
        f"{MODEL}/checkpoints/epoch_1.pt": ("its content does not match its checksum", "rebuild"),
        f"{SEED}/split.json": (cut, "rebuild"),
        f"{SEED}/train.parquet": ("its content does not match its checksum", "rebuild"),
        PICTURE: ("its content does not match the checksum in results/studies/one/ro-crate-metadata.json", "rebuild"),
    }


def test_whole_files_of_another_origin_are_named(results: Path) -> None:
    table(results / MODEL / "pseudo/ratio=00200/scores/epoch_1.parquet", 7)
    assert found(results) == {
        f"{MODEL}/pseudo/ratio=00200/scores/epoch_1.parquet": (
            "its content does not match the checksum in epoch_1.json",
            "rebuild",
        )
    }


@pytest.mark.parametrize(
    ("changed", "role", "records"),
    [
        (f"{SEED}/pseudo/ratio=00200/mutated.parquet", "mutated", [f"{MODEL}/pseudo/ratio=00200/scores/epoch_1.json"]),
        (
            f"{MODEL}/scores/epoch_1.parquet",
            "scores",
            [JOB[1]],
        ),
    ],
)
def test_what_was_made_from_something_else_is_named(results: Path, changed: str, role: str, records: list[str]) -> None:
    table(results / changed, 8)
    told = (f"it was made from another {role} than results/{changed}", "rebuild")
    assert found(results) == dict.fromkeys(records, told)


def test_an_adopted_file_and_the_epoch_before(results: Path) -> None:
    adopted = table(results / DATASET / "adopted.parquet", 9)
    write_json(results / DATASET / "adopted.json", {"made": digests_of(sequences=adopted)})
    facts = results / MODEL / "checkpoints/epoch_2.json"
    first = (results / MODEL / "checkpoints/epoch_1.pt").read_bytes()
    (results / MODEL / "checkpoints/epoch_1.pt").unlink()
    assert list(found(results)) == [f"{SEED}/split.json"]
    (results / MODEL / "checkpoints/epoch_1.pt").write_bytes(first)
    record(facts, {"train": results / SEED / "train.parquet", "previous": adopted}, {})
    assert found(results)[f"{MODEL}/checkpoints/epoch_2.json"] == (
        f"it was made from another previous than results/{MODEL}/checkpoints/epoch_1.pt",
        "rebuild",
    )


def test_a_file_of_the_user_that_only_looks_untouched(results: Path) -> None:
    flip(Path("own.csv"))
    reason = "its content is another than when it was read, although its size and time are the same"
    assert walk(results) == [Finding("own.csv", reason, "restore")]


def test_leftovers(results: Path) -> None:
    (results / SEED / ".train.parquet.7-0badf00d.part").write_bytes(b"PAR1")
    (results / SEED / ".encode.json.pieces.7-0badf00d.part").mkdir()
    (results / SEED / ".raw.log.partial").write_bytes(b"goes on with the next run")
    told = ("it is a temporary file of a job that was killed or still runs", "delete")
    names = [f"{SEED}/.encode.json.pieces.7-0badf00d.part", f"{SEED}/.train.parquet.7-0badf00d.part"]
    assert found(results) == dict.fromkeys(names, told)


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"@graph": 3}', '{"@graph": [3]}', '{"@graph": [{"sha256": "0"}]}', "[" * 99_999),
        *('{"@graph": [{"@id": 5, "sha256": "0"}]}', '{"@graph": [{"@id": "a\\u0000b", "sha256": "0"}]}'),
        '{"@graph": [{"@id": "#job/1", "@type": "CreateAction", "result": "x"}]}',
        json.dumps({"@graph": [{"@id": "x" * 300, "sha256": "0"}]}),
    ],
)
def test_an_unreadable_manifest(results: Path, content: str) -> None:
    (results / MANIFEST).write_text(content)
    seal_manifest(results / MANIFEST)
    assert found(results) == {MANIFEST: ("it is no readable manifest", "rebuild")}


def test_a_damaged_manifest_is_blamed_itself(results: Path) -> None:
    manifest, record = results / MANIFEST, results / "studies/one/manifest.json"
    whole = manifest.read_text()
    digest = sha256_of(results / PICTURE)
    manifest.write_text(whole.replace(digest, f"{int(digest[0], 16) ^ 1:x}{digest[1:]}"))
    assert found(results) == {MANIFEST: ("its content does not match the checksum in manifest.json", "rebuild")}
    flip(results / PICTURE)  # what such a manifest says is not believed, be it right or wrong
    assert list(found(results)) == [MANIFEST]
    flip(results / PICTURE)
    manifest.write_text(whole)
    assert found(results) == {}
    flip(record)
    told = ("its content does not match its checksum", "rebuild")
    assert found(results) == {"studies/one/manifest.json": told}
    write_json(record, {"made": ["x"]})
    assert list(found(results)) == [MANIFEST]
    record.unlink()
    assert list(found(results)) == ["studies/one/manifest.json"]


def test_what_another_study_made_anew_is_not_damaged(results: Path) -> None:
    evaluation = results / JOB[1]
    facts = read_json(evaluation)
    write_json(evaluation, {**facts, "seconds": 2.5})
    list_files(results, "two")
    told = (f"of the files in it 1 were made anew since, such as {evaluation}; run the study one again", "rerun")
    assert found(results) == {MANIFEST: told}
    # Another picture, as the second study says.
    (results / PICTURE).write_bytes(b"another")
    list_files(results, "two")
    assert found(results) == {MANIFEST: (told[0].replace("1 were", "2 were"), "rerun")}
    # And one that no study says, although no job was run since the second.
    flip(results / PICTURE)
    blamed = "its content does not match the checksum in results/studies/two/ro-crate-metadata.json"
    assert found(results)[PICTURE] == (blamed, "rebuild")
    # Until its job is run again: then all manifests are older than what there is.
    write_json(evaluation, {**facts, "seconds": 2.6})
    assert list(found(results)) == [MANIFEST, "studies/two/ro-crate-metadata.json"]


def test_a_file_of_the_user_is_none_to_make_anew(results: Path) -> None:
    Path("own.csv").write_text("another, with another time and size")
    reason = "it is not the file that the study one was run on; run that again if the change is meant"
    assert walk(results) == [Finding("own.csv", reason, "keep")]


def test_a_manifest_of_an_enemy_makes_nothing_of_the_user_s_vanish(results: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (results / "notes.txt").write_text("mine")
    (results / "link").symlink_to(tmp_path / "data")
    (tmp_path / "data/my.log").write_text("mine")
    outside = tmp_path.with_name(f"{tmp_path.name}.log")
    outside.write_text("mine")
    names = [
        *("../../../data/my.log", "../../../results/../data/my.log", "../../link/my.log", "..%2F..%2F..%2Fdata/my.log"),
        *(str(tmp_path / "data/my.log"), str(outside), f"../../../../{outside.name}", "/dev/zero", "../../notes.txt"),
        *("../..", ".", "", "../../../own.csv"),
    ]
    files = [{"@id": name, "@type": "File", "sha256": "0" * 64} for name in names]
    job = {"@id": "#job/2", "@type": "CreateAction", "object": [], "result": [{"@id": name} for name in names]}
    list_files(results, "one", *files, job)
    told = walk(results)
    assert {finding.path for finding in told} == {"data/my.log", "own.csv", "results/notes.txt"}
    assert not [finding for finding in told if to_delete(finding, results, {}, Records(Path("nowhere")))]


def test_only_what_a_job_made_below_the_results_is_to_be_deleted(results: Path, tmp_path: Path) -> None:
    outputs = {
        "results/studies/one/advice",
        f"results/{PICTURE}",
        "own.csv",
        "results",
        "results/gone",
        "results/link/own.csv",
    }
    (results / "link").symlink_to(tmp_path)
    (results / "studies/one/advice").mkdir()
    (results / "studies/one/advice/01.yaml").write_text("{}")
    made_before = results / SEED / "train.parquet"
    records = tmp_path / "records"
    records.mkdir()
    name = base64.urlsafe_b64encode(str(made_before).encode()).decode()
    (records / name).write_text('{"rule": "encode_sequences"}')

    def deleted(path: str | Path, remedy: str = "rebuild") -> str | None:
        return to_delete(Finding(str(path), "", remedy), results, outputs, Records(records))

    assert deleted(results / PICTURE) == f"results/{PICTURE}"
    assert deleted(made_before) == str(made_before)
    assert deleted("results/studies/one/advice/01.yaml") == "results/studies/one/advice"
    assert deleted(results / "cache/input_digests.json", "delete") == "results/cache/input_digests.json"
    inside = ("results", "results/gone", "results/../own.csv", "results/link/own.csv", "results/link")
    for path in ("own.csv", tmp_path / "own.csv", *inside):
        assert deleted(path) is None
        assert deleted(path, "delete") is None
    assert deleted(results / MODEL / "scores/epoch_1.parquet") is None


def test_what_is_known_of_code_can_be_deleted(results: Path) -> None:
    write_json(results / "cache/code_digests.json", {"0" * 64: ["1" * 64, []]})
    assert found(results) == {}
    flip(results / "cache/code_digests.json")
    assert found(results) == {"cache/code_digests.json": ("its content does not match its checksum", "delete")}


def test_a_folder_may_go_while_it_is_looked_at(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is at work has folders of its own now and then."""
    going = results / "runs" / "going"
    going.mkdir()
    scandir = os.scandir

    def late(path: Path) -> Any:
        if Path(path) == going and going.exists():
            going.rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", late)
    assert found(results) == {}
    assert not going.exists()


def test_a_link_that_leads_nowhere_ends_no_look(results: Path) -> None:
    for name in ("runs/round.json", "studies/round", "cache/round.json"):
        (results / name).symlink_to(Path(name).name)
    assert found(results) == {}


@pytest.mark.parametrize("key", ["made", "made_from"])
@pytest.mark.parametrize("value", ["x", 5, None, ["scores"], {"scores": 5}, {"../../own": "0"}, {"x" * 300: "0"}])
def test_odd_records(results: Path, key: str, value: Any) -> None:
    write_json(results / SEED / "odd.json", {key: value})
    told = ("what it says of its making is no list of checksums", "rebuild")
    assert found(results) == {f"{SEED}/odd.json": told}
    write_json(results / SEED / "odd.json", {"made": {}, "checkpoint_sha256": [value]})
    assert found(results) == {f"{SEED}/odd.json": told}


@pytest.mark.parametrize("entry", ["x", {"stamp": [1, 2]}, {"sha256": "0"}, None])
def test_an_odd_cache(results: Path, entry: Any) -> None:
    write_json(results / "cache/input_digests.json", {"own.csv": entry})
    told = {"cache/input_digests.json": ("it is not what LogAssay remembers of files", "delete")}
    assert found(results) == told
    flip(results / "cache/input_digests.json")
    assert found(results) == {"cache/input_digests.json": ("its content does not match its checksum", "delete")}


def test_a_run_that_is_at_work(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(resume.RUN, "")
    locks = tmp_path / "locks"
    locks.mkdir()
    assert not at_work(results, locks)  # none ever was
    note, _ = resume.begin(results, locks, main=True)
    assert note is not None
    assert at_work(results, locks)
    (locks / "0.input.lock").touch()
    note.close()
    assert not at_work(results, locks)  # killed
    (results / "cache/running").write_text("another-machine 0-1-2\n")
    assert at_work(results, locks)
    (locks / "0.input.lock").unlink()
    assert not at_work(results, locks)


def test_the_answer_of_snakemake(tmp_path: Path) -> None:
    rows = [
        ("output_file", "date", "rule", "log-file(s)", "status", "plan"),
        ("a", "-", "r", "", "ok", "no update"),
        ("b", "-", "r", "", "params changed", "update pending"),
        ("c", "-", "r", "", "ok", "update pending"),
        ("d", "-", "r", "", "missing", "no update"),
        ("e", "-", "r", "", "new words", "update pending"),
    ]
    (tmp_path / "said").write_text("\n".join("\t".join(row) for row in rows))
    told = plan([sys.executable, "-c", f"print(open({str(tmp_path / 'said')!r}).read())"])
    assert told == {
        "a": None,
        "b": "it was made by other code, or with other settings",
        "c": "it is made from what will be made anew",
        "d": None,
        "e": "new words",
    }


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("WorkflowError:\n   epohcs is no key", "epohcs is no key"),
        (
            'Config file c.yaml is extended.\nWorkflowError in file "/a/common.smk", line 43:\n'
            "there is no file 'b: c'.\n"
            '  File "/a/common.smk", line 43, in <module>\n',
            "there is no file 'b: c'.",
        ),
        (
            'MissingInputException in rule r in file "/a/x.smk", line 2:\nMissing input files for rule r:\n    a.log\n',
            "Missing input files for rule r: a.log",
        ),
        (
            'Traceback (most recent call last):\n\n  File "/a/cli.py", line 9, in load\n    open(path)\n\n'
            "FileNotFoundError: [Errno 2] No such file or directory: 'x.yaml'\n\n",
            "[Errno 2] No such file or directory: 'x.yaml'",
        ),
        ("killed\nfor good\n", "for good"),
        ("", "it said nothing"),
    ],
)
def test_why_snakemake_has_no_answer(said: str, sentence: str) -> None:
    with pytest.raises(UserError) as told:
        plan([sys.executable, "-c", f"import sys; sys.exit({said!r})"])
    assert str(told.value) == f"Snakemake cannot plan the study: {sentence}"


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
@pytest.mark.parametrize("look", ["open", "stat"])
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        *((f"results/{name}", "rebuild") for name in (*JOB, MANIFEST, f"{SEED}/split.json")),
        *(("own.csv", "restore"), ("results/cache/input_digests.json", "delete")),
    ],
)
def test_a_file_that_cannot_be_read_is_told_and_the_look_goes_on(
    results: Path, monkeypatch: pytest.MonkeyPatch, number: int, look: str, name: str, remedy: str
) -> None:
    flip(results / MODEL / "checkpoints/epoch_2.pt")
    real = getattr(Path, look)

    def fail(path: Path, *arguments: Any, **options: Any) -> Any:
        if str(path) == name:
            raise OSError(number, os.strerror(number), name)
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, look, fail)
    told = {finding.path: (finding.reason, finding.remedy) for finding in walk(results)}
    expected = {f"results/{MODEL}/checkpoints/epoch_2.pt": ("its content does not match its checksum", "rebuild")}
    # Of results, only the names are asked for, and their contents.
    if look == "open" or name == "own.csv":
        reason = f"it cannot be read ({os.strerror(number)})"
        expected[name] = (reason, remedy) if number == errno.EIO else (f"{reason}; make it readable", "keep")
    assert told == expected


@pytest.mark.parametrize("name", [*(f"results/{each}" for each in (*JOB, MANIFEST, f"{SEED}/split.json")), "own.csv"])
def test_a_file_may_go_while_it_is_looked_at(results: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    real = Path.open

    def late(path: Path, *arguments: Any, **options: Any) -> Any:
        if str(path) == name:
            path.unlink(missing_ok=True)
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", late)
    assert found(results) == {}
    assert not Path(name).exists()
