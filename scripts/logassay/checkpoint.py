"""Saving and loading checkpoints: complete, the same bytes for the same state, and unable to run code.

A checkpoint is a zip archive of arrays and one JSON text, sealed with its own SHA-256.
"""

import hashlib
import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from logassay.errors import UserError
from logassay.files import TRAILER, damaged, unreadable, write_bytes

FORMAT = 1
"""Version of the layout; a checkpoint of another version is refused."""
DIGEST = 64
"""Length of the digest in bytes."""
UNSOUND = (KeyError, IndexError, TypeError, ValueError, RuntimeError, AttributeError, MemoryError)
"""What is raised where a state is not what it should be (RuntimeError: by torch, and by nesting without end)."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a state.

    Parameters
    ----------
    path : Path
        `.pt` for states whose arrays are torch tensors, `.npz` for NumPy arrays.
    state : dict
        Nested dicts (with text keys) of arrays and of values that JSON has.
    """
    arrays: dict[str, Any] = {}
    text = json.dumps({"format": FORMAT, "state": _detach(state, "", arrays)}, sort_keys=True, allow_nan=False)
    buffer = io.BytesIO()
    if path.suffix == ".npz":
        np.savez(buffer, text=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)
    else:
        import torch

        # Clones, since a tensor that is part of a larger one would take the whole of it along.
        tensors = {name: arrays[name].detach().cpu().clone() for name in sorted(arrays)}
        torch.save({"text": text, "tensors": tensors}, buffer)
    write_bytes(path, seal(buffer.getvalue()))


def load(path: Path) -> dict[str, Any]:
    """Read a state; its tensors are on the CPU.

    Nothing in the file is interpreted before its checksum is found right, and it is never unpickled freely.

    Raises
    ------
    UserError
        If the file is missing, damaged, or not a checkpoint of this version of LogAssay.
    """
    try:
        if path.exists() and not path.is_file():
            raise _foreign(path)  # a device or a pipe, which may never end
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None
    if not is_sealed(data):
        if not data or data.startswith(b"PK") or data[:-DIGEST].endswith(TRAILER):
            raise damaged(path, "its content does not match its checksum")
        raise _foreign(path)
    try:
        arrays: Any
        _check_sizes(data)
        if path.suffix == ".npz":
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = dict(archive)
            text = arrays.pop("text").tobytes()
        else:
            import torch

            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            text, arrays = content["text"], content["tensors"]
        if sum(array.nbytes for array in arrays.values()) > len(data):
            raise ValueError("arrays that are larger than the file, by strides of 0")
        plain = json.loads(text)
        version, state = plain["format"], plain["state"]
        attached: dict[str, Any] = _attach(state, arrays)
    except (*UNSOUND, pickle.UnpicklingError, zipfile.BadZipFile, EOFError):
        raise _foreign(path) from None
    if version != FORMAT:
        raise UserError(
            f"{path} has checkpoint format {version}, this version of LogAssay reads {FORMAT}; "
            "delete it and run Snakemake again."
        )
    return attached


def _check_sizes(data: bytes) -> None:
    """Check that an archive unfolds to no more than it is: checkpoints are not compressed, and bombs must be."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("a compressed member")
    if sum(member.file_size for member in members) > len(data):
        raise ValueError("members that are larger than the file")


def seal(archive: bytes) -> bytes:
    """Append to a zip archive without a comment one that holds the digest of all bytes before it."""
    body = archive[:-2] + (len(TRAILER) + DIGEST).to_bytes(2, "little") + TRAILER
    return body + hashlib.sha256(body).hexdigest().encode()


def is_sealed(data: bytes) -> bool:
    """Whether bytes end with the digest of all the others."""
    body = data[:-DIGEST]
    return body.endswith(TRAILER) and data[-DIGEST:] == hashlib.sha256(body).hexdigest().encode()


def _foreign(path: Path) -> UserError:
    return UserError(f"{path} is not a LogAssay checkpoint; give one that train_epoch.py has written.")


def _detach(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """Copy a state with every array moved to `arrays`, under its path, and a reference in its place."""
    if isinstance(value, dict):
        return {key: _detach(inner, f"{name}/{key}", arrays) for key, inner in value.items()}
    if hasattr(value, "dtype"):
        arrays[name] = value
        return {"$array": name}
    return value


def _attach(value: Any, arrays: dict[str, Any]) -> Any:
    """Put arrays back in the place of their references."""
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[value["$array"]]
    return {key: _attach(inner, arrays) for key, inner in value.items()}
