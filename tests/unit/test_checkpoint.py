"""Checkpoints come back as they were, any damage is noticed, and none can run code."""

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

from logassay import checkpoint
from logassay.errors import UserError


def arrays_state() -> dict[str, Any]:
    return {
        "seed": 7,
        "hyper": {"rate": 0.1, "end": True, "name": None},
        "deep": {"counts": np.arange(6).reshape(2, 3)},
    }


def tensors_state() -> dict[str, Any]:
    whole = torch.arange(1000, dtype=torch.float32)
    return {"epoch": 3, "losses": [1.5, None], "deep": {"w": whole[2:4], "none": {}}, "random": torch.get_rng_state()}


def test_arrays_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    checkpoint.save(path, arrays_state())
    loaded = checkpoint.load(path)
    counts = loaded["deep"].pop("counts")
    assert counts.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert counts.dtype == np.int64
    assert loaded == {"seed": 7, "hyper": {"rate": 0.1, "end": True, "name": None}, "deep": {}}


def test_tensors_come_back_without_the_tensor_they_were_cut_from(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    state = tensors_state()
    checkpoint.save(path, state)
    loaded = checkpoint.load(path)
    assert loaded["deep"]["w"].tolist() == [2.0, 3.0]
    assert loaded["deep"]["w"].untyped_storage().nbytes() == 8
    assert torch.equal(loaded["random"], state["random"])
    assert (loaded["epoch"], loaded["losses"], loaded["deep"]["none"]) == (3, [1.5, None], {})


@pytest.mark.parametrize(("name", "make"), [("a.npz", arrays_state), ("a.pt", tensors_state)])
def test_same_state_gives_same_bytes(tmp_path: Path, name: str, make: Any) -> None:
    first, again, reloaded = (tmp_path / folder / name for folder in ("1", "2", "3"))
    state = make()
    checkpoint.save(first, state)
    checkpoint.save(again, dict(reversed(list(make().items()))))  # the order of keys does not count
    checkpoint.save(reloaded, checkpoint.load(first))
    assert first.read_bytes() == again.read_bytes() == reloaded.read_bytes()


def test_seal_is_a_zip_comment_with_the_digest_of_all_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    checkpoint.save(path, arrays_state())
    data = path.read_bytes()
    comment = zipfile.ZipFile(io.BytesIO(data)).comment
    assert comment == b"logassay sha256 " + hashlib.sha256(data[:-64]).hexdigest().encode()


@pytest.mark.parametrize(("name", "make"), [("a.npz", arrays_state), ("a.pt", tensors_state)])
def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path: Path, name: str, make: Any) -> None:
    path = tmp_path / name
    checkpoint.save(path, make())
    data = path.read_bytes()
    damaged = tmp_path / f"damaged{path.suffix}"
    offsets = {*range(0, len(data), 11), *range(40), *range(len(data) - 100, len(data))}
    for offset in sorted(offsets):
        damaged.write_bytes(data[:offset] + bytes([data[offset] ^ 0x10]) + data[offset + 1 :])
        with pytest.raises(UserError, match=r"is damaged \(its content does not match its checksum\); delete it"):
            checkpoint.load(damaged)
    for length in [0, 2, 100, len(data) // 2, len(data) - 80, len(data) - 64, len(data) - 1]:
        damaged.write_bytes(data[:length])
        with pytest.raises(UserError, match="is damaged"):
            checkpoint.load(damaged)


class Creates:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, (str(self.path),)


def test_pickles_are_refused_and_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    pickled = pickle.dumps(Creates(trace))
    saved = io.BytesIO()
    torch.save({"text": Creates(trace), "tensors": {}}, saved)
    objects = io.BytesIO()
    np.savez(objects, text=np.array([Creates(trace)], dtype=object))
    # Even with a right checksum, which anyone can compute, nothing is run.
    cases = {
        "plain.pt": pickled,
        "plain.npz": pickled,
        "sealed.pt": checkpoint.seal(saved.getvalue()),
        "sealed.npz": checkpoint.seal(objects.getvalue()),
    }
    for name, data in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(UserError, match="is not a LogAssay checkpoint"):
            checkpoint.load(path)
    assert not trace.exists()
    pickle.loads(pickled)
    assert trace.exists()  # it would have


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "a.pt"
    text.write_text("epoch 1: loss 0.5\n" * 50)
    with pytest.raises(UserError, match="is not a LogAssay checkpoint"):
        checkpoint.load(text)
    checkpoint.save(tmp_path / "b.pt", tensors_state())
    (tmp_path / "b.pt").rename(tmp_path / "b.npz")
    with pytest.raises(UserError, match="is not a LogAssay checkpoint"):
        checkpoint.load(tmp_path / "b.npz")
    with pytest.raises(UserError, match="does not exist"):
        checkpoint.load(tmp_path / "c.pt")


def test_other_versions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    checkpoint.save(tmp_path / "a.npz", arrays_state())
    monkeypatch.undo()
    with pytest.raises(UserError, match="has checkpoint format 2, this version of LogAssay reads 1"):
        checkpoint.load(tmp_path / "a.npz")
