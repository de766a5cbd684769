"""What the deep models share and no paper's method section mentions: device, determinism, optimiser, saving.

The models themselves are in their own files.
"""

import math
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

# Threads that wait must sleep. By default they spin, and two jobs with two threads each on two busy cores then take ten
# times as long. Read when torch loads its thread library, hence before the import.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from logassay.corpus import FIRST_EVENT, Corpus
from logassay.errors import UserError
from logassay.models.base import Detector, FloatArray, IntArray, Vocabulary, option


def choose_device(wanted: str) -> str:
    """Return "cpu" or "cuda" for "auto", "cpu" or "cuda".

    Raises
    ------
    UserError
        If "cuda" is wanted and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("The device cuda was asked for but torch finds no CUDA device here; set device to auto or cpu.")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def be_deterministic() -> None:
    """Make torch give the same numbers for the same input, or fail where it cannot."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The same switch as torch.use_deterministic_algorithms, which would import torch's compiler as well.
    torch.set_deterministic_debug_mode("error")
    # A safeguard for code that reads memory it never wrote; it costs a pass over every new tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def surprise(logits: Tensor, events: IntArray) -> tuple[FloatArray, FloatArray]:
    """Measure how unexpected events are to a network that predicts them.

    Among equally probable candidates the true event takes the last place, so that a network that knows nothing gets no
    credit. UNK has no probability: it gets the place after the last candidate, and the NLL of the least probable one.

    Parameters
    ----------
    logits : Tensor, shape (n, candidates)
        One column for each of the candidates, whose numbers begin at 2.
    events : int64 array, shape (n,)
        The true events: UNK or a candidate's number.

    Returns
    -------
    nll : float64 array, shape (n,)
        -log p of the true event.
    rank : float64 array, shape (n,)
        Place of the true event among the candidates by probability, from 1.
    """
    log_p = functional.log_softmax(logits, dim=1)
    column = torch.from_numpy(events).to(logits.device) - FIRST_EVENT
    unknown = column < 0
    true = log_p.gather(1, column.clamp(min=0)[:, None])[:, 0].where(~unknown, log_p.amin(1))
    rank = (log_p >= true[:, None]).sum(1) + unknown
    return (-true).double().cpu().numpy(), rank.double().cpu().numpy()


def precision_option() -> Any:
    """Declare the hyperparameter `precision`."""
    doc = (
        "numbers of the matrix products in training; bfloat16 pays only on a processor that has it: DeepLog and "
        "LogAnomaly become 1.5 times as fast, LogRobust and CNN hardly faster, LogBERT slower"
    )
    return option("float32", doc, one_of=("float32", "bfloat16"))


def in_bfloat16(network: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a network's `forward`: in training its matrix products are computed in bfloat16, its results are float32."""

    def wrapped(*given: Tensor) -> Any:
        if not network.training:
            return forward(*given)
        with torch.autocast(given[0].device.type, torch.bfloat16):
            found = forward(*given)
        return found.float() if isinstance(found, Tensor) else tuple(each.float() for each in found)

    return wrapped


class Adam:
    """Adam (Kingma and Ba, ICLR 2015) with the paper's constants.

    `torch.optim.Adam` computes the same, but the first optimiser of a process imports torch's compiler: a second or
    more, in jobs that are one epoch of a few seconds each. A test compares the two.

    Parameters
    ----------
    parameters : dict of str to Tensor
        The weights, by name; they are updated in place.
    learning_rate : float
        Step size alpha.
    """

    beta1, beta2, epsilon = 0.9, 0.999, 1e-8

    def __init__(self, parameters: dict[str, Tensor], learning_rate: float) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.steps = 0
        self.first = {name: torch.zeros_like(weight) for name, weight in parameters.items()}
        self.second = {name: torch.zeros_like(weight) for name, weight in parameters.items()}

    @torch.no_grad()
    def step(self) -> None:
        """Update every weight from its gradient."""
        self.steps += 1
        found = [name for name, weight in self.parameters.items() if weight.grad is not None]
        weights = [self.parameters[name] for name in found]
        steps = torch.tensor(float(self.steps), device=weights[0].device)
        # A single pass over each weight and its moments.
        torch._fused_adam_(
            weights,
            [weight.grad for weight in weights if weight.grad is not None],
            [self.first[name] for name in found],
            [self.second[name] for name in found],
            [],
            [steps] * len(weights),
            lr=self.learning_rate,
            beta1=self.beta1,
            beta2=self.beta2,
            weight_decay=0.0,
            eps=self.epsilon,
            amsgrad=False,
            maximize=False,
        )

    def state(self) -> dict[str, Any]:
        """Return the number of steps and the moments."""
        return {"steps": self.steps, "first": dict(self.first), "second": dict(self.second)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.steps = state["steps"]
        for name, weight in self.parameters.items():
            self.first[name] = state["first"][name].to(weight)
            self.second[name] = state["second"][name].to(weight)


class NeuralDetector(Detector):
    """A detector with a network. A model gives `build`, `train_epoch` and `score`."""

    checkpoint_suffix: ClassVar[str] = ".pt"
    network: nn.Module
    optimiser: Adam

    def __init__(self, hyperparameters: dict[str, Any], seed: int, device: str, variant: str = "<variant>") -> None:
        super().__init__(hyperparameters, seed, device, variant)
        self.device = choose_device(device)
        self.random_state: dict[str, Tensor] = {}
        be_deterministic()

    @staticmethod
    def set_threads(threads: int) -> None:
        """Let torch compute on so many threads."""
        Detector.set_threads(threads)
        torch.set_num_threads(threads)

    def encode(self, events: npt.NDArray[np.int32]) -> IntArray:
        """Translate event ids, shape (n,), into the model's numbers, shape (n,)."""
        return self.vocabulary.encode(events)

    @abstractmethod
    def build(self) -> nn.Module:
        """Create the network for the vocabulary, with random weights."""

    @abstractmethod
    def train_epoch(self, train: Corpus) -> dict[str, Any]:
        """Show the network every training sequence once, through `descend`; return the epoch's facts."""

    def fit_epoch(self, train: Corpus) -> dict[str, Any]:
        """Train for one epoch; the first one fixes the vocabulary and creates the weights."""
        with self.own_randomness():
            if self.is_new:
                self.create(Vocabulary.of(train))
            self.network.train()
            facts = self.train_epoch(train)
            self.network.eval()
        return facts

    def create(self, vocabulary: Vocabulary) -> None:
        """Create the network and its optimiser."""
        self._vocabulary = vocabulary
        self.network = self.build().to(self.device)
        if getattr(self.hyper, "precision", "float32") == "bfloat16":  # not every model has the choice
            self.network.forward = in_bfloat16(self.network, self.network.forward)
        self.optimiser = Adam(dict(self.network.named_parameters()), self.hyper.learning_rate)

    @contextmanager
    def own_randomness(self) -> Iterator[None]:
        """Draw random numbers from this model's stream, whatever else the process draws."""
        with torch.random.fork_rng(devices=[0] if self.device == "cuda" else []):
            torch.manual_seed(self.seed)
            if "cpu" in self.random_state:
                torch.set_rng_state(self.random_state["cpu"])
            if self.device == "cuda" and "cuda" in self.random_state:
                torch.cuda.set_rng_state(self.random_state["cuda"])
            yield
            self.random_state = {"cpu": torch.get_rng_state()}
            if self.device == "cuda":
                self.random_state["cuda"] = torch.cuda.get_rng_state()

    def descend(self, batches: Iterator[tuple[Tensor, Tensor, int]]) -> dict[str, Any]:
        """Take one optimiser step for each batch.

        Parameters
        ----------
        batches : iterator of (Tensor, Tensor, int)
            For each batch the loss to minimise, the loss to report and the number of examples it averages over. A
            batch is computed when the weights have seen the one before.

        Returns
        -------
        dict
            `training_loss` (mean of the reported loss over the examples), `gradient_norm` (mean over the batches),
            `learning_rate` and `parameters`.

        Raises
        ------
        UserError
            If the loss is no longer a finite number.
        """
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        norms = torch.zeros((), dtype=torch.float64, device=self.device)
        examples = steps = 0
        for loss, reported, size in batches:
            self.network.zero_grad()
            loss.backward()
            gradients = [weight.grad for weight in self.network.parameters() if weight.grad is not None]
            norms += torch.cat([gradient.flatten() for gradient in gradients]).norm()
            self.optimiser.step()
            total += reported.detach() * size
            examples += size
            steps += 1
        if not examples:
            raise UserError("The training sequences hold no event to learn from; check the data set and its templates.")
        facts = {"training_loss": total.item() / examples, "gradient_norm": norms.item() / steps}
        if not all(math.isfinite(value) for value in facts.values()):
            raise UserError(
                "Training diverged: the loss is not a finite number any more; lower the variant's learning_rate "
                f"(now {self.hyper.learning_rate:g})."
            )
        parameters = sum(weight.numel() for weight in self.network.parameters())
        return facts | {"learning_rate": self.hyper.learning_rate, "parameters": parameters}

    def state(self) -> dict[str, Any]:
        """Return vocabulary, weights, optimiser and random state."""
        return super().state() | {
            "weights": dict(self.network.state_dict()),
            "optimiser": self.optimiser.state(),
            "random_state": self.random_state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        with torch.random.fork_rng(devices=[]):
            self.create(Vocabulary(state["vocabulary"]))
        self.network.load_state_dict(state["weights"])
        self.network.eval()
        self.optimiser.restore(state["optimiser"])
        self.random_state = state["random_state"]
