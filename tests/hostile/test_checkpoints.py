"""Checkpoints that want to run code, or to fill the memory, through the programs that take one from anywhere."""

import hashlib
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from logassay.checkpoint import save, seal
from logassay.errors import UserError
from logassay.score import load_detector
from tests.hostile.conftest import Run, refused


class Payload:
    """Unpickled, it starts a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch owned",)


def trailed(data: bytes) -> bytes:
    """Seal what is no zip archive."""
    body = data + b"logassay sha256 "
    return body + hashlib.sha256(body).hexdigest().encode()


def torch_file(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def deflated(archive: bytes) -> bytes:
    """The same archive, compressed, and with a member of 512 MiB of zeros."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, True, 1) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
        with new.open("archive/data/9" if "archive/data.pkl" in new.namelist() else "b.npy", "w") as member:
            for _ in range(16):
                member.write(bytes(1 << 25))
    return buffer.getvalue()


def huge_header() -> bytes:
    """An .npz one of whose arrays says that it has 10^15 numbers."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = io.BytesIO()
        np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
        archive.writestr("text.npy", member.getvalue() + b"some bytes")
    return buffer.getvalue()


PICKLE = pickle.dumps(Payload())
FILES = {
    "a bare pickle.pt": PICKLE,
    "a bare pickle with a seal.npz": trailed(PICKLE),
    "torch's pickle.pt": torch_file(Payload()),
    "torch's pickle with a seal.pt": seal(torch_file({"text": Payload(), "tensors": {}})),
    "object array.npz": npz(text=np.array([Payload()], dtype=object)),
    "object array with a seal.npz": seal(npz(text=np.array([Payload()], dtype=object))),
    "bomb.pt": seal(deflated(torch_file({"text": "{}", "tensors": {}}))),
    "bomb.npz": seal(deflated(npz(text=np.zeros(3, dtype=np.uint8)))),
    "huge header.npz": seal(huge_header()),
    "strides.pt": seal(torch_file({"text": "{}", "tensors": {"a": torch.zeros(1).expand(10**12)}})),
    "nested.pt": seal(torch_file({"text": "[" * 100_000, "tensors": {}})),
}


def check(said: str, path: Path) -> None:
    assert said.startswith(str(path))
    assert "is not a LogAssay checkpoint" in said or "is damaged" in said


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(FILES[name])
    with pytest.raises(UserError) as told:
        load_detector(tmp_path / name, "cpu", 1, None)
    check(str(told.value), tmp_path / name)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["a bare pickle.pt", "torch's pickle with a seal.pt", "object array with a seal.npz"])
@pytest.mark.parametrize("program", ["evaluate.py", "score_sequences.py"])
def test_the_programs_refuse_it(run: Run, tmp_path: Path, program: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    for part in ("validation", "test", "train"):
        (tmp_path / f"{part}.parquet").write_bytes(b"")
    if program == "evaluate.py":
        options = ["--validation-data", tmp_path]
    else:
        options = ["--sequences", f"test={tmp_path}/test.parquet", "--output", "s.parquet", "--facts", "s.json"]
    check(refused(run(program, "--checkpoint", path, *options)), path)


def test_the_payload_would_have_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(PICKLE)
    assert (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "header",
    [
        {"module": "../../owned", "hyper": {}},
        {"module": "deeplog", "hyper": {"hidden": 10**12}},
        {"module": "deeplog", "hyper": "x"},
        {"module": ["os"]},
    ],
)
def test_a_checkpoint_of_no_model_is_refused(tmp_path: Path, header: dict[str, Any]) -> None:
    state = {"seed": 1, "variant": "v", "epoch": 1, "training_losses": [], "detector": {"vocabulary": [1, 2]}} | header
    save(tmp_path / "a.pt", state)
    with pytest.raises(UserError, match=r"does not hold the model|There is no model named|must map names"):
        load_detector(tmp_path / "a.pt", "cpu", 1, None)
