"""LogBERT (Guo, Yuan and Wu, IJCNN 2021): which events were these, judged from all the others around them?

A transformer encoder restores masked events of a sequence, while the vectors of whole sequences are drawn into a small
sphere; a sequence is anomalous if many of its events are not restored. Beyond the paper, the end of a sequence is an
event too, and scoring masks disjoint folds instead of random positions, so that it is complete and has no noise.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from logassay import cli
from logassay.corpus import FIRST_EVENT, PAD, UNK, Corpus
from logassay.models.base import FloatArray, IntArray, Scores, largest, mean, option
from logassay.models.neural import NeuralDetector, precision_option, surprise

SCORING_TOKENS = {"cpu": 2048, "cuda": 65536}
"""Tokens per forward pass when nothing is learned. On a CPU few enough for its cache: more than twice as fast."""


@dataclass(frozen=True)
class Hyperparameters:
    """The public code's settings, but for the score; the share masked is that for BGL, where HDFS has 0.65."""

    layers: int = option(4, "encoder layers", least=1)
    hidden: int = option(256, "length of an event's vector", least=2)
    heads: int = option(4, "attention heads", least=1)
    feed_forward: int = option(512, "units of each layer's feed-forward network", least=1)
    dropout: float = option(0.1, "share of activations dropped in training", least=0.0, most=0.9)
    max_length: int = option(
        512, "longest piece of a sequence, with its DIST token, that is looked at at once", least=3
    )
    mask_ratio: float = option(0.5, "share of events masked in training, m in the paper", least=0.01, most=0.99)
    alpha: float = option(0.1, "weight of the hypersphere's loss", least=0.0)
    folds: int = option(5, "scoring masks every so-many-th event at a time", least=1)
    candidates: int = option(6, "an event among this many most probable ones is restored, g in the paper", least=1)
    missed_share: float = option(
        0.0, "normal while at most this share is not restored, r in the paper", least=0.0, most=1.0
    )
    session_end: bool = option(True, "whether the end of a sequence is an event to be restored")
    learning_rate: float = option(1e-3, "step size of Adam", least=0.0, most=1.0)
    batch_size: int = option(32, "sequences per optimiser step", least=1)
    precision: str = precision_option()
    score: str = option(
        "nll_max", "component that serves as score", one_of=("nll_max", "nll_mean", "share_missed", "distance")
    )

    def __post_init__(self) -> None:
        if self.hidden % self.heads or self.hidden % 2:
            raise ValueError(f"hidden ({self.hidden}) must be even and a multiple of heads ({self.heads})")


@dataclass(frozen=True)
class Pieces:
    """The sequences of a corpus, those too long for the encoder cut into pieces of nearly equal length.

    Attributes
    ----------
    events : int64 array, shape (events,)
        Encoded events of all pieces, one after the other.
    start, length : int64 arrays, shape (pieces,)
        Where each piece lies in `events`.
    owner : int64 array, shape (pieces,)
        Position of its sequence.
    """

    events: IntArray
    start: IntArray
    length: IntArray
    owner: IntArray


def cut(lengths: IntArray, longest: int) -> tuple[IntArray, IntArray, IntArray]:
    """Cut sequences laid end to end into pieces of at most `longest` events, as few and as equal as possible.

    Returns
    -------
    start, length, owner : int64 arrays, shape (pieces,)
        First event, number of events and sequence of each piece. An empty sequence has no piece.
    """
    pieces = -(-lengths // longest)
    owner = np.repeat(np.arange(len(lengths)), pieces)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begin = place * lengths[owner] // pieces[owner]
    end = (place + 1) * lengths[owner] // pieces[owner]
    return (np.cumsum(lengths) - lengths)[owner] + begin, end - begin, owner


class Dropout(nn.Module):
    """Dropout that takes 16 random bits for each activation: torch's own takes 32 and more than twice the time."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.dropped = round(share * 65536)

    def forward(self, x: Tensor) -> Tensor:
        """Set a random share of `x` to zero and scale the rest, in training."""
        if not self.training or not self.dropped:
            return x
        words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device)
        bits = words.random_(-(2**63), None).view(torch.int16)[: x.numel()].view_as(x)
        kept = (bits >= self.dropped - 32768).to(x.dtype)
        return x * kept.mul_(65536 / (65536 - self.dropped))


class Layer(nn.Module):
    """Self-attention and a feed-forward network, each with a residual connection and a norm after it."""

    def __init__(self, hyper: Hyperparameters) -> None:
        super().__init__()
        self.heads = hyper.heads
        self.query_key_value = nn.Linear(hyper.hidden, 3 * hyper.hidden)
        self.join = nn.Linear(hyper.hidden, hyper.hidden)
        self.norm_attention = nn.LayerNorm(hyper.hidden)
        self.widen = nn.Linear(hyper.hidden, hyper.feed_forward)
        self.narrow = nn.Linear(hyper.feed_forward, hyper.hidden)
        self.norm_feed_forward = nn.LayerNorm(hyper.hidden)
        self.dropout = Dropout(hyper.dropout)

    def forward(self, x: Tensor, mixed: Tensor) -> Tensor:
        """Transform tokens `x`, shape (tokens, hidden), given what attention brings them, of the same shape."""
        x = self.norm_attention(x + self.dropout(self.join(mixed)))
        inner = functional.relu(self.widen(x))
        out: Tensor = self.norm_feed_forward(x + self.dropout(self.narrow(inner)))
        return out

    def attend(self, query_key_value: Tensor, shapes: list[tuple[int, int]]) -> Tensor:
        """Mix the tokens of each sequence.

        Parameters
        ----------
        query_key_value : Tensor, shape (tokens, 3 * hidden)
            Of all tokens, one sequence after the other.
        shapes : list of (int, int)
            How many sequences follow each other, and the length that they have in common.

        Returns
        -------
        Tensor, shape (tokens, hidden)
        """
        mixed = []
        for part, (count, length) in zip(
            query_key_value.split([count * length for count, length in shapes]), shapes, strict=True
        ):
            heads = part.view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            query, key, value = heads.unbind()  # each (count, heads, length, hidden / heads)
            whole = functional.scaled_dot_product_attention(query, key, value)
            mixed.append(whole.transpose(1, 2).reshape(count * length, -1))
        return torch.cat(mixed)


class Network(nn.Module):
    """Embedding plus sinusoidal positions, the encoder, and a linear layer from an event's vector to the candidates.

    Only what is needed is computed, which changes no result: no padding; keys, queries and values of the first layer
    once for all equal tokens at equal places; and of the last layer only the vectors that are asked for.

    Parameters
    ----------
    candidates : int
        Number of events that can be restored.
    hyper : Hyperparameters
        Sizes.
    """

    positions: Tensor
    layers: Any  # a ModuleList, whose members have no type

    def __init__(self, candidates: int, hyper: Hyperparameters) -> None:
        super().__init__()
        self.dist, self.mask = FIRST_EVENT + candidates, FIRST_EVENT + candidates + 1
        self.embedding = nn.Embedding(FIRST_EVENT + candidates + 2, hyper.hidden)
        # Training never shows UNK to most models: zero, the mean of the others, misleads less than a random vector.
        nn.init.zeros_(self.embedding.weight.data[UNK])
        self.register_buffer("positions", sinusoids(hyper.max_length, hyper.hidden), persistent=False)
        self.dropout = Dropout(hyper.dropout)
        self.layers = nn.ModuleList(Layer(hyper) for _ in range(hyper.layers))
        self.output = nn.Linear(hyper.hidden, candidates)

    def forward(self, tokens: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
        """Restore masked events.

        Parameters
        ----------
        tokens : Tensor, int64, shape (batch, length)
            DIST, then events; PAD at the end. Attention is fastest where sequences of one length follow each other.
        masked : Tensor, int64, shape (n,)
            Places in the flattened `tokens`.

        Returns
        -------
        logits : Tensor, shape (n, candidates)
            For the masked places only; nothing else needs them.
        dist : Tensor, shape (batch, hidden)
            The vectors of the DIST tokens, one for each sequence.
        """
        present = tokens != PAD
        lengths, counts = present.sum(1).unique_consecutive(return_counts=True)
        shapes = list(zip(counts.tolist(), lengths.tolist(), strict=True))
        place = torch.arange(tokens.shape[1], device=tokens.device)
        # From here on the tokens of all sequences are one after the other: (tokens, hidden).
        distinct, same = torch.unique((tokens * len(place) + place)[present], return_inverse=True)
        x = self.embedding(distinct // len(place)) + self.positions[distinct % len(place)]
        first, last = self.layers[0], self.layers[-1]
        if self.training and self.dropout.dropped:
            x = self.dropout(functional.embedding(same, x))
            query_key_value = first.query_key_value(x)
        else:
            query_key_value = functional.embedding(same, first.query_key_value(x))
            x = functional.embedding(same, x)
        wanted = torch.cat([torch.arange(len(tokens), device=tokens.device) * len(place), masked])
        wanted = (present.flatten().cumsum(0) - 1)[wanted]
        for layer in self.layers:
            if layer is not first:
                query_key_value = layer.query_key_value(x)
            mixed = layer.attend(query_key_value, shapes)
            if layer is last:
                x, mixed = x.index_select(0, wanted), mixed.index_select(0, wanted)
            x = layer(x, mixed)
        return self.output(x[len(tokens) :]), x[: len(tokens)]


def sinusoids(length: int, width: int) -> Tensor:
    """Return the position codes of Vaswani et al. (2017), shape (length, width)."""
    angles = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


class LogBERT(NeuralDetector):
    """Restore masked events from the events on both sides of them.

    Training masks a random share of the events as BERT does (of those 80 % become MASK, 10 % another event, 10 % stay)
    and minimises

        mean NLL of the masked events + alpha * mean squared distance of the DIST vectors to their centre.

    The centre is the mean of all DIST vectors of the previous epoch, as they came up in training; it takes no pass of
    its own. The first epoch has no centre, hence no second term. The reported training loss is the first term, which
    can be compared between epochs and with the loss of scored sequences.

    Scoring masks every event, the end included, exactly once: in round f of `folds` those at positions p with
    p mod folds = f of their piece. Measured are

    - rank and NLL of each event as in DeepLog, an event that training did not have being the worst;
    - the squared distance of a piece's DIST vector to the centre, as the mean over the rounds.

    The components of a sequence's score are `nll_max`, `nll_mean`, `share_missed` (events whose rank exceeds
    `candidates`) and `distance` (the largest of its pieces); its loss is `nll_mean`. The paper's rule: anomalous if
    `share_missed` exceeds `missed_share`.
    """

    hyper_kind = Hyperparameters
    hyper: Hyperparameters
    network: Network

    def build(self) -> Network:
        """Create the network; the candidates are the known events and the end."""
        self.centre = torch.zeros(self.hyper.hidden, device=self.device)
        return Network(self.vocabulary.size + self.hyper.session_end, self.hyper)

    def pieces(self, corpus: Corpus) -> Pieces:
        """Cut the sequences of a corpus into pieces that fit the encoder."""
        events, lengths = self.vocabulary.encode(corpus.events), corpus.lengths
        if self.hyper.session_end:
            events = np.insert(events, corpus.offsets[1:], FIRST_EVENT + self.vocabulary.size)
            lengths = lengths + 1
        return Pieces(events, *cut(lengths, self.hyper.max_length - 1))

    def tokens(self, pieces: Pieces, rows: IntArray) -> Tensor:
        """Lay out pieces for the encoder: DIST, the events, PAD; shape (rows, 1 + events of the longest)."""
        place = np.arange(pieces.length[rows].max())
        inside = place < pieces.length[rows][:, None]
        events = pieces.events[np.where(inside, pieces.start[rows][:, None] + place, 0)]
        tokens = np.column_stack([np.full(len(rows), self.network.dist), np.where(inside, events, PAD)])
        return torch.from_numpy(tokens).to(self.device)

    def train_epoch(self, train: Corpus) -> dict[str, Any]:
        """Mask and restore every training sequence once."""
        pieces = self.pieces(train)
        alpha = self.hyper.alpha if self.optimiser.steps else 0.0  # the first epoch has no centre
        dist_sum = torch.zeros(self.hyper.hidden, dtype=torch.float64, device=self.device)
        dist_count = 0

        def batches() -> Iterator[tuple[Tensor, Tensor, int]]:
            nonlocal dist_count
            for rows in cli.progress(self.random_batches(pieces.length), "LogBERT"):
                tokens = self.tokens(pieces, rows)
                noisy, masked = self.mask(tokens)
                if not len(masked):
                    continue  # only events that training does not know
                logits, dist = self.network(noisy, masked)
                nll = functional.cross_entropy(logits, tokens.flatten()[masked] - FIRST_EVENT)
                loss = nll + alpha * squared_distance(dist, self.centre).mean()
                dist_sum.add_(dist.detach().sum(0))
                dist_count += len(rows)
                yield loss, nll, len(masked)

        facts = self.facts(len(pieces.length), distinct_examples=len(train.distinct()[0]), **self.descend(batches()))
        self.centre = (dist_sum / dist_count).float()
        return facts

    def random_batches(self, length: IntArray) -> list[IntArray]:
        """Divide pieces into batches at random; within each, those of one length follow each other."""
        order = torch.randperm(len(length)).numpy()
        batches = np.split(order, range(self.hyper.batch_size, len(order), self.hyper.batch_size))
        return [batch[np.argsort(length[batch], kind="stable")] for batch in batches]

    def mask(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Mask events at random: each with probability `mask_ratio`, and at least one of each sequence.

        Returns
        -------
        noisy : Tensor, shape of `tokens`
            What the network is shown.
        masked : Tensor, shape (n,)
            Places in the flattened `tokens` whose events it has to restore.
        """
        known = (tokens >= FIRST_EVENT) & (tokens < self.network.dist)
        draw = torch.rand(tokens.shape, device=self.device).masked_fill(~known, 2.0)
        chosen = known & ((draw < self.hyper.mask_ratio) | (draw == draw.amin(1, keepdim=True)))
        fate = torch.rand(tokens.shape, device=self.device)
        others = torch.randint(FIRST_EVENT, self.network.dist, tokens.shape, device=self.device)
        noisy = tokens.masked_fill(chosen & (fate < 0.8), self.network.mask)
        noisy = torch.where(chosen & (fate >= 0.9), others, noisy)
        return noisy, chosen.flatten().nonzero()[:, 0]

    def score(self, corpus: Corpus) -> Scores:
        """Score every sequence."""
        pieces, count = self.pieces(corpus), len(corpus)
        nll, rank, distance = self.judge(pieces)
        owner = np.repeat(pieces.owner, pieces.length)  # of each event
        components = {
            "nll_max": largest(nll, owner, count),
            "nll_mean": mean(nll, owner, count),
            "share_missed": mean(rank > self.hyper.candidates, owner, count),
            "distance": largest(distance, pieces.owner, count),
        }
        paper = components["share_missed"] > self.hyper.missed_share
        return self.scores(corpus, components[self.hyper.score], paper, components["nll_mean"], components)

    @torch.no_grad()
    def judge(self, pieces: Pieces) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mask and restore every event once.

        Returns
        -------
        nll, rank : float64 arrays, shape (events,)
            How unexpected each event is.
        distance : float64 array, shape (pieces,)
            Mean squared distance of each piece's DIST vector to the centre.
        """
        nll, rank = np.empty(len(pieces.events)), np.empty(len(pieces.events))
        distance = np.zeros(len(pieces.length))
        piece, fold = fold_rounds(pieces.length, self.hyper.folds)
        for batch in token_batches(pieces.length[piece] + 1, SCORING_TOKENS[self.device]):
            rows = piece[batch]
            tokens = self.tokens(pieces, rows)
            place = np.arange(tokens.shape[1] - 1)
            row, column = np.nonzero(
                (place % self.hyper.folds == fold[batch][:, None]) & (place < pieces.length[rows][:, None])
            )
            masked = torch.from_numpy(row * tokens.shape[1] + column + 1).to(self.device)
            logits, dist = self.network(
                tokens.flatten().index_fill(0, masked, self.network.mask).view_as(tokens), masked
            )
            event = pieces.start[rows][row] + column
            nll[event], rank[event] = surprise(logits, pieces.events[event])
            np.add.at(distance, rows, squared_distance(dist, self.centre).double().cpu().numpy())
        return nll, rank, distance / np.bincount(piece, minlength=len(distance))

    def state(self) -> dict[str, Any]:
        """Return vocabulary, weights, optimiser, random state and centre."""
        return super().state() | {"centre": self.centre}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        super().restore(state)
        self.centre = state["centre"].to(self.device)


def squared_distance(dist: Tensor, centre: Tensor) -> Tensor:
    """Return the squared distance of each row of `dist`, shape (n, hidden), to the centre, shape (n,)."""
    return (dist - centre).square().sum(1)


def fold_rounds(length: IntArray, folds: int) -> tuple[IntArray, IntArray]:
    """List the rounds of scoring: piece and fold of each; folds that have no event of a short piece are left out."""
    rounds = np.minimum(length, folds)
    piece = np.repeat(np.arange(len(length)), rounds)
    return piece, np.arange(len(piece)) - np.repeat(np.cumsum(rounds) - rounds, rounds)


def token_batches(length: IntArray, tokens: int) -> Iterator[IntArray]:
    """Divide rows into batches of one length each, with at most so many tokens (or a single row).

    Without padding a sequence's score does not depend on the others of its batch, but for rounding.
    """
    order = np.argsort(-length, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(length[order])) + 1):
        if len(rows):
            size = max(1, tokens // int(length[rows[0]]))
            yield from np.split(rows, range(size, len(rows), size))


DETECTOR = LogBERT
