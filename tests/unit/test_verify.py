"""Every kind of finding in a small results folder made by hand, and nothing else."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from logassay.digest import file_digest
from logassay.errors import UserError
from logassay.files import digests_of, sha256_of, write_json, write_parquet
from logassay.verify import Finding, plan, walk

DATASET = "runs/dataset=d"
SEED = f"{DATASET}/grouping=g/split=s/seed=1"
MODEL = f"{SEED}/size=9/model=m"


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
    place = folder / MODEL / "evaluation=pseudo/ratio=00200/epoch_1"
    record(place / "evaluation_results_epoch_1.json", {"scores": intact, "mutated_scores": scores}, {})
    (place / "score_dist_epoch_1.png").write_bytes(b"picture")
    study = folder / "studies/one"
    study.mkdir(parents=True)
    names = [os.path.relpath(path, study) for path in (place / "score_dist_epoch_1.png", train)]
    listed = [{"@id": name, "sha256": sha256_of(study / name)} for name in names]
    listed += [{"@id": "#input/own.csv", "sha256": "0" * 64}, {"@id": "./", "name": "study"}]
    (study / "ro-crate-metadata.json").write_text(json.dumps({"@graph": listed}))
    return folder


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
    flip(results / MODEL / "evaluation=pseudo/ratio=00200/epoch_1/score_dist_epoch_1.png")
    cut = "it has no checksum: it was cut off, or an older version of LogAssay wrote it"
    assert found(results) == {
        f"{MODEL}/checkpoints/epoch_1.pt": ("its content does not match its checksum", "rebuild"),
        f"{SEED}/split.json": (cut, "rebuild"),
        f"{SEED}/train.parquet": ("its content does not match its checksum", "rebuild"),
        f"{MODEL}/evaluation=pseudo/ratio=00200/epoch_1/score_dist_epoch_1.png": (
            "its content does not match the checksum in results/studies/one/ro-crate-metadata.json",
            "rebuild",
        ),
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
            [f"{MODEL}/evaluation=pseudo/ratio=00200/epoch_1/evaluation_results_epoch_1.json"],
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
    Path("own.csv").write_text("another, with another time and size")  # which Snakemake sees
    assert walk(results) == []


def test_leftovers(results: Path) -> None:
    (results / SEED / ".train.parquet.7-0badf00d.part").write_bytes(b"PAR1")
    (results / SEED / ".encode.json.pieces").mkdir()
    (results / SEED / ".raw.log.partial").write_bytes(b"goes on with the next run")
    told = ("it is a temporary file of a job that was killed or still runs", "delete")
    names = [f"{SEED}/.encode.json.pieces", f"{SEED}/.train.parquet.7-0badf00d.part"]
    assert found(results) == dict.fromkeys(names, told)


def test_an_unreadable_manifest(results: Path) -> None:
    manifest = results / "studies/one/ro-crate-metadata.json"
    for content in ("", "[]", "{}", '{"@graph": [3]}', '{"@graph": [{"sha256": "0"}]}'):
        manifest.write_text(content)
        assert found(results) == {"studies/one/ro-crate-metadata.json": ("it is no readable manifest", "rebuild")}


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
    with pytest.raises(UserError, match="Snakemake cannot plan the study: epohcs is no key"):
        plan([sys.executable, "-c", "import sys; sys.exit('WorkflowError:\\n   epohcs is no key')"])
