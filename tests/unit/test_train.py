"""Training epoch by epoch: the same weights however it is divided into processes, and clear words for mistakes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from logassay import checkpoint, models, train
from logassay.corpus import read_corpus
from logassay.errors import UserError
from logassay.files import sha256_of, write_parquet
from logassay.models.neural import Adam

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "train_epoch.py"
HYPER: dict[str, dict[str, Any]] = {
    "deeplog": {"embedding": 6, "hidden": 8, "batch_size": 32},
    "logbert": {"layers": 1, "hidden": 8, "heads": 2, "feed_forward": 16, "batch_size": 8},
    "loganomaly": {"dimension": 6, "hidden": 8, "batch_size": 32},
    "logrobust": {"dimension": 6, "hidden": 8, "batch_size": 8, "imbalance": "smote"},
    "cnn": {"embedding": 6, "filters": 4, "batch_size": 8, "imbalance": "undersample"},
}


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """A templates.parquet of the training events 2 to 7 and of two others."""
    words = ["open file", "close file", "send packet", "receive packet", "lost packet", "file lost", "panic", "open"]
    frame = pl.DataFrame({"event": pl.Series(range(2, 10), dtype=pl.Int32), "template": words})
    write_parquet(frame, tmp_path / "templates.parquet")
    return tmp_path / "templates.parquet"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A train.parquet of 60 sequences, of which every fifth is anomalous and every seventh unlabelled."""
    rng = np.random.default_rng(0)
    events = [rng.integers(2, 8, size=rng.integers(1, 9)).tolist() for _ in range(60)]
    write_parquet(
        pl.DataFrame(
            {
                "label": [None if row % 7 == 0 else row % 5 == 0 for row in range(60)],
                "events": pl.Series(events, dtype=pl.List(pl.Int32)),
                "gaps": pl.Series([[0.0] * len(each) for each in events], dtype=pl.List(pl.Float32)),
            }
        ),
        tmp_path / "train.parquet",
    )
    return tmp_path / "train.parquet"


def epoch(data: Path, model: str, number: int, **changes: Any) -> Path:
    """Train one epoch through files; return the checkpoint's path."""
    suffix = models.load(model).checkpoint_suffix
    folder = data.parent / model
    arguments: dict[str, Any] = {
        "module": model,
        "variant": "mine",
        "hyper": HYPER.get(model, {}),
        "train": data,
        "templates": None,
        "values": None,
        "sample_size": 60,
        "seed": 3,
        "epoch": number,
        "previous": folder / f"epoch_{number - 1}{suffix}" if number > 1 else None,
        "device": "cpu",
        "threads": 1,
        "output": folder / f"epoch_{number}{suffix}",
        "facts": folder / f"epoch_{number}.json",
    }
    train.run(**arguments | changes)
    return folder / f"epoch_{number}{suffix}"


@pytest.mark.parametrize("module", HYPER)
def test_four_epochs_in_one_go_or_in_several_processes_are_the_same(data: Path, templates: Path, module: str) -> None:
    at_once = models.load(module)(HYPER[module], 3, "cpu")
    at_once.set_threads(1)
    models.give_templates(at_once, templates)
    corpus = read_corpus(data) if at_once.supervised else read_corpus(data).not_anomalous()
    losses = []
    for _ in range(4):
        torch.rand(5)  # somebody else's random numbers do not matter
        losses.append(at_once.fit_epoch(corpus)["training_loss"])
        at_once.score(corpus)
    for number in (1, 2, 3):
        epoch(data, module, number, templates=templates)
    last = data.parent / module / "epoch_4.pt"
    command = [
        sys.executable,
        str(SCRIPT),
        "--module",
        module,
        "--variant",
        "mine",
        "--hyper",
        json.dumps(HYPER[module]),
    ]
    command += ["--train", str(data), "--sample-size", "60", "--seed", "3", "--epoch", "4", "--device", "cpu"]
    command += ["--templates", str(templates)]
    command += ["--previous", str(last.with_name("epoch_3.pt")), "--output", str(last)]
    command += ["--facts", str(last.with_suffix(".json"))]
    subprocess.run(command, check=True)
    stored = checkpoint.load(last)
    assert stored["training_losses"] == losses
    for name, weight in at_once.state()["weights"].items():
        assert torch.equal(weight, stored["detector"]["weights"][name]), name
    # Not only the weights: optimiser, random state and all else are equal, to the byte.
    again = last.with_name("again.pt")
    checkpoint.save(again, stored | {"detector": at_once.state()})
    assert again.read_bytes() == last.read_bytes()


def test_adam_is_that_of_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = torch.randn(2, 5, requires_grad=True), torch.randn(2, 5, requires_grad=True)
    with torch.no_grad():
        theirs.copy_(ours)
    mine, torchs = Adam({"w": ours}, 0.01), torch.optim.Adam([theirs], lr=0.01)
    for step in range(20):
        for weights in (ours, theirs):
            weights.grad = None
            (weights * weights.detach().roll(1) * (step - 7) + weights**3).sum().backward()
        mine.step()
        torchs.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_facts(data: Path) -> None:
    first = epoch(data, "deeplog", 1)
    facts = json.loads(first.with_suffix(".json").read_text())
    corpus = read_corpus(data)
    normal = corpus.not_anomalous()
    assert (facts["epoch"], facts["training_sequences"], facts["training_normal"]) == (1, 60, len(normal))
    # Rows 0, 5, 10, … are anomalous unless unlabelled, which 0 and 35 are.
    assert len(normal) == 60 - 12 + 2
    assert facts["examples"] == len(normal.events) + len(normal)
    assert facts["vocabulary"] == len(set(normal.events.tolist())) == 6
    assert facts["checkpoint_sha256"] == sha256_of(first)
    # Embedding, two LSTM layers with two biases each, output; 7 candidates.
    lstm = 4 * 8 * (6 + 8 + 2) + 4 * 8 * (8 + 8 + 2)
    assert facts["parameters"] == (2 + 7) * 6 + lstm + (8 + 1) * 7
    assert facts["training_loss"] == checkpoint.load(first)["training_losses"][0]
    assert facts["training_loss"] == pytest.approx(np.log(7), abs=0.3)  # hardly better than chance at first
    assert facts["gradient_norm"] > 0
    assert facts["wall_seconds"] > 0
    assert facts["examples_per_second"] == pytest.approx(facts["examples"] / facts["wall_seconds"])
    assert 10 < facts["peak_memory_mb"] < 100_000
    assert (facts["device"], facts["threads"], facts["learning_rate"]) == ("cpu", 1, 0.001)


def test_sample_is_the_first_rows(data: Path) -> None:
    first = epoch(data, "new-event", 1, sample_size=2)
    assert checkpoint.load(first)["detector"]["vocabulary"] == sorted(set(read_corpus(data, 2).events.tolist()))
    with pytest.raises(UserError, match="holds 60 sequences but 61 were asked for"):
        epoch(data, "new-event", 1, sample_size=61)


def test_no_training_sequences(data: Path) -> None:
    frame = pl.read_parquet(data)
    write_parquet(frame.with_columns(label=True), data)
    with pytest.raises(UserError, match=r"train\.parquet gives no training sequence that is not labelled anomalous"):
        epoch(data, "deeplog", 1)
    write_parquet(frame.head(0), data)
    with pytest.raises(UserError, match=r"train\.parquet gives no training sequence"):
        epoch(data, "flag-all", 1, sample_size=0)


@pytest.mark.parametrize("module", ["loganomaly", "logrobust"])
def test_models_that_read_text_are_given_it(data: Path, templates: Path, module: str) -> None:
    with pytest.raises(UserError, match=r"needs the split's templates\.parquet; give it with --templates, or"):
        epoch(data, module, 1)
    write_parquet(pl.read_parquet(templates).head(3), templates)
    with pytest.raises(UserError, match="The templates lack event 5, which occurs in training"):
        epoch(data, module, 1, templates=templates)


@pytest.mark.parametrize("module", ["logrobust", "cnn"])
def test_supervised_models_need_both_labels(data: Path, templates: Path, module: str) -> None:
    frame = pl.read_parquet(data)
    for label, missing in ((True, "normal"), (False, "anomalous")):
        write_parquet(frame.with_columns(label=pl.lit(label)), data)
        with pytest.raises(UserError, match=rf"train\.parquet gives no training sequence labelled {missing}, but"):
            epoch(data, module, 1, templates=templates)


def test_facts_of_a_supervised_model(data: Path) -> None:
    first = epoch(data, "cnn", 1)
    facts = json.loads(first.with_suffix(".json").read_text())
    # Every seventh row is unlabelled (9 of 60), every fifth of the others anomalous (12 less rows 0 and 35).
    counts = {"normal": 41, "anomalous": 10}
    assert facts["imbalance"] == {
        "strategy": "undersample",
        "before": counts,
        "after": {"normal": 10, "anomalous": 10},
        "weights": {"normal": 1, "anomalous": 1},
    }
    assert (facts["examples"], facts["training_sequences"], facts["events_cut"]) == (20, 60, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, r"epoch_1\.pt cannot be continued: epoch is 1 there but 2 here"),
        ({"seed": 4}, "seed is 3 there but 4 here"),
        ({"hyper": HYPER["deeplog"] | {"hidden": 9}}, "hidden is 8 there but 9 here"),
        ({"module": "logbert", "hyper": HYPER["logbert"]}, "module is 'deeplog' there but 'logbert' here"),
        ({"previous": None}, "Epoch 2 needs that of the epoch before"),
        ({"epoch": 1}, "Epoch 1 has no previous checkpoint"),
        ({"epoch": 0}, "The epoch is 0; epochs are counted from 1"),
        ({"threads": 0}, "number of threads is 0; it must be at least 1"),
        ({"output": Path("epoch_2.npz")}, r"epoch_2\.npz must end in \.pt"),
    ],
)
def test_contradictions_are_told(data: Path, changes: dict[str, Any], message: str) -> None:
    epoch(data, "deeplog", 1)
    with pytest.raises(UserError, match=message):
        epoch(data, "deeplog", 2, **changes)


def test_the_program_tells_mistakes_in_one_sentence_and_needs_no_torch(data: Path) -> None:
    program = (
        "import runpy, sys\nsys.argv = sys.argv[1:]\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n    print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(SCRIPT), "--module", "isolation-forest", "--variant", "mine"]
    command += ["--train", str(data), "--sample-size", "60", "--seed", "1", "--epoch", "1"]
    command += ["--facts", str(data.with_suffix(".json")), "--output"]
    environment = {"PYTHONPATH": str(SCRIPT.parent)}
    good = subprocess.run([*command, f"{data}.npz"], capture_output=True, text=True, env=environment)
    assert (good.returncode, good.stdout) == (0, "False\n")
    bad = subprocess.run([*command, f"{data}.pt"], capture_output=True, text=True, env=environment)
    assert bad.returncode == 2
    assert "must end in .npz" in bad.stderr.splitlines()[-1]
    assert "Traceback" not in bad.stderr
