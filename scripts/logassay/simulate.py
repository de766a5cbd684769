"""Simulated HDFS logs with known anomalies: what is said (MESSAGES), what happens (NORMAL, ANOMALIES), and the engine.

To add a kind of anomaly, add a row to ANOMALIES; nothing else changes.

Calibration: the first 100,000 lines of the real HDFS_v1 (7,940 blocks, 313 anomalous) against 8,000 simulated blocks
with an anomaly share of 0.04, seeds 1 to 6.

- Jensen-Shannon distance of the template frequencies (base 2, square root): 0.040 to 0.046.
- Lines of a block, quantiles 5/25/50/75/95/99 %: real 13/13/13/13/15/16, simulated the same; longest 249 and 19.
- Distinct sequences of normal blocks: real 474, simulated 606 to 661.
- Flagging blocks with a message that no normal training block has: F1 0.44 to 0.57.
"""

import string
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from logassay import cli
from logassay.errors import UserError
from logassay.files import atomic_path

# ---------------------------------------------------------------------------------------------------------------------
# What is said: the message shapes of HDFS_v1 and who says them.


class Source(NamedTuple):
    """Who writes a line: level, component, and the range of its thread numbers."""

    level: str
    component: str
    first_thread: int
    last_thread: int


NAME_NODE = Source("INFO", "dfs.FSNamesystem", 26, 35)
NAME_NODE_WARNING = Source("WARN", "dfs.FSNamesystem", 26, 35)
REPLICATION = Source("INFO", "dfs.FSNamesystem", 19, 19)
TIMEOUTS = Source("WARN", "dfs.PendingReplicationBlocks$PendingReplicationMonitor", 11, 11)
DATA_NODE = Source("INFO", "dfs.DataNode", 19, 19)
RECEIVER = Source("INFO", "dfs.DataNode$DataXceiver", 143, 3000)
RECEIVER_WARNING = Source("WARN", "dfs.DataNode$DataXceiver", 143, 3000)
RESPONDER = Source("INFO", "dfs.DataNode$PacketResponder", 143, 3000)
PACKETS = Source("INFO", "dfs.DataNode$BlockReceiver", 143, 3000)
TRANSFER = Source("INFO", "dfs.DataNode$DataTransfer", 143, 3000)
TRANSFER_WARNING = Source("WARN", "dfs.DataNode$DataTransfer", 143, 3000)
SCANNER = Source("INFO", "dfs.DataBlockScanner", 13, 13)
DISK = Source("INFO", "dfs.FSDataset", 19, 19)
DISK_WARNING = Source("WARN", "dfs.FSDataset", 19, 19)

RESET = "java.io.IOException: Connection reset by peer"
STORE = "BLOCK* NameSystem.addStoredBlock:"

# The fields in braces are those of FIELDS.
MESSAGES: dict[str, tuple[Source, str]] = {
    "allocated": (NAME_NODE, "BLOCK* NameSystem.allocateBlock: {path} {block}"),
    "receiving": (RECEIVER, "Receiving block {block} src: /{node}:{port} dest: /{node}:50010"),
    "responded": (RESPONDER, "PacketResponder {responder} for block {block} terminating"),
    "received": (RESPONDER, "Received block {block} of size {size} from /{node}"),
    "stored": (NAME_NODE, STORE + " blockMap updated: {node}:50010 is added to {block} size {size}"),
    "verified": (SCANNER, "Verification succeeded for {block}"),
    "served": (RECEIVER, "{node}:50010 Served block {block} to /{peer}"),
    "serve failed": (RECEIVER_WARNING, "{node}:50010:Got exception while serving {block} to /{peer}:"),
    "copy asked": (REPLICATION, "BLOCK* ask {node}:50010 to replicate {block} to datanode(s) {peer}:50010"),
    "copy started": (DATA_NODE, "{node}:50010 Starting thread to transfer block {block} to {peer}:50010"),
    "copy sent": (TRANSFER, "{node}:50010:Transmitted block {block} to /{peer}:50010"),
    "copy received": (RECEIVER, "Received block {block} src: /{node}:{port} dest: /{node}:50010 of size {size}"),
    "copy failed": (TRANSFER_WARNING, "{node}:50010:Failed to transfer {block} to {peer}:50010 got " + RESET),
    "copy timed out": (TIMEOUTS, "PendingReplicationMonitor timed out block {block}"),
    "invalidated": (NAME_NODE, "BLOCK* NameSystem.delete: {block} is added to invalidSet of {node}:50010"),
    "deleted": (DISK, "Deleting block {block} file /mnt/hadoop/dfs/data/current/subdir{subdirectory}/{block}"),
    "delete failed": (
        DISK_WARNING,
        "Unexpected error trying to delete block {block}. BlockInfo not found in volumeMap.",
    ),
    "empty packet": (PACKETS, "Receiving empty packet for block {block}"),
    "receive failed": (PACKETS, "Exception in receiveBlock for block {block} " + RESET),
    "offset changed": (
        PACKETS,
        "Changing block file offset of block {block} from 0 to {offset} meta file offset to {checksums}",
    ),
    "write failed": (RECEIVER, "writeBlock {block} received exception java.io.IOException: Could not read from stream"),
    "mirror failed": (RECEIVER_WARNING, "{node}:50010:Exception writing block {block} to mirror {peer}:50010"),
    "responder failed": (RESPONDER, "PacketResponder {block} {responder} Exception java.io.EOFException"),
    "responder interrupted": (RESPONDER, "PacketResponder {responder} for block {block} Interrupted."),
    "stored twice": (
        NAME_NODE_WARNING,
        STORE + " Redundant addStoredBlock request received for {block} on {node}:50010 size {size}",
    ),
    "stored without file": (
        NAME_NODE,
        STORE + " addStoredBlock request received for {block} on {node}:50010 size {size} "
        "But it does not belong to any file.",
    ),
}

NODES = pl.Series([f"10.{250 + n % 2}.{n * 37 % 251 + 1}.{n * 101 % 241 + 4}" for n in range(203)])
FOLDERS = pl.Series(["/user/hdfs/rand", "/user/hdfs/rand2", "/user/hdfs/randtxt", "/user/hdfs/sortrand"])


def _format(template: str, fields: dict[str, pl.Expr]) -> pl.Expr:
    """Turn a template with fields in braces into one string expression."""
    parts: list[pl.Expr] = []
    for literal, field, _, _ in string.Formatter().parse(template):
        if literal:
            parts.append(pl.lit(literal))
        if field is not None:
            parts.append(fields[field])
    return pl.concat_str(parts)


_TASK = pl.col("task").cast(pl.String)
_OFFSET = pl.col("port").cast(pl.Int64) * 512

# The columns behind these fields are those of _draw_lines.
FIELDS = {
    "block": pl.concat_str(pl.lit("blk_"), pl.col("block")),
    "node": pl.lit(NODES).gather(pl.col("node")),
    "peer": pl.lit(NODES).gather(pl.col("peer")),
    "port": pl.col("port"),
    "size": pl.col("size"),
    "responder": 2 - pl.col("lane").cast(pl.Int8) % 3,
    "subdirectory": pl.col("port") % 64,
    "offset": _OFFSET,
    # A checksum of 4 bytes for every 512 bytes, after a header of 7 bytes.
    "checksums": _OFFSET // 128 + 7,
    "path": _format(
        "{folder}/_temporary/_task_200811092030_0001_m_{task}_0/part-{part}.",
        {
            "folder": pl.lit(FOLDERS).gather(pl.col("task") % len(FOLDERS)),
            "task": _TASK.str.zfill(6),
            "part": _TASK.str.zfill(5),
        },
    ),
}

# ---------------------------------------------------------------------------------------------------------------------
# What happens: life cycles as tables of steps. A step is a message of one data node (lane) some time after a clock.

REPLICAS = (0, 1, 2)
"""The data nodes of the write pipeline."""
NEW = 3
"""The data node that a replica is copied to."""
LANES = 4

CLOCKS = {
    "open": "the client asks for the block",
    "receive": "the data node begins to receive it",
    "fail": "some moment while the data node receives it",
    "acknowledge": "the data node has all of it",
    "store": "the name node learns of the replica, by its own clock",
    "later": "some time after the write, for each data node",
    "copy": "some time after the write, the same for all",
    "delete": "after all that",
}
"""Moments in the life of a block; _draw_clocks says when they are."""

Steps = tuple["Step", ...]


class Step(NamedTuple):
    """`message` is written by `lane` at `clock` + `delay` + an exponential with mean `jitter` (seconds)."""

    message: str
    lane: int
    clock: str
    delay: float = 0.0
    jitter: float = 0.003


def moved(steps: Steps, message: str, lane: int, clock: str, delay: float = 0.0, jitter: float = 0.1) -> Steps:
    """Let one step happen at another time: the same events in another order."""
    return tuple(
        Step(message, lane, clock, delay, jitter) if (step.message, step.lane) == (message, lane) else step
        for step in steps
    )


def without(steps: Steps, *missing: tuple[str, int]) -> Steps:
    """Leave out the steps with these (message, lane)."""
    return tuple(step for step in steps if (step.message, step.lane) not in missing)


def acknowledged(lane: int) -> Steps:
    """Return the two lines with which a data node confirms its replica."""
    return (Step("responded", lane, "acknowledge"), Step("received", lane, "acknowledge", 0.01))


WRITTEN: Steps = (
    Step("allocated", 0, "open", jitter=0.3),
    *(Step("receiving", lane, "receive") for lane in REPLICAS),
    *(step for lane in REPLICAS for step in acknowledged(lane)),
    *(Step("stored", lane, "store") for lane in REPLICAS),
)
"""The write of a block with three replicas: all that happens to four blocks in five."""


def verified(replicas: int) -> Steps:
    """Return the block scanner's confirmations of the first so many replicas."""
    return tuple(Step("verified", lane, "later") for lane in REPLICAS[:replicas])


def deleted(*lanes: int, clock: str = "delete") -> Steps:
    """Return the deletion of the replicas on these data nodes: ordered by the name node, then carried out."""
    return (
        *(Step("invalidated", lane, clock, jitter=0.01) for lane in lanes),
        *(Step("deleted", lane, clock, 0.5, 0.8) for lane in lanes),
    )


SERVED: Steps = tuple(Step("served", lane, "later", 1.0, 20.0) for lane in (0, 1, 1))
COPIED: Steps = (
    Step("copy asked", 0, "copy"),
    Step("copy started", 0, "copy", 0.8, 0.5),
    Step("receiving", NEW, "copy", 1.5, 0.5),
    Step("copy received", NEW, "copy", 3.0, 0.5),
    Step("copy sent", 0, "copy", 3.0, 0.5),
    Step("stored", NEW, "copy", 3.0, 0.8),
)

NORMAL: dict[str, tuple[float, Steps]] = {
    "written": (0.797, WRITTEN),
    "verified": (0.118, WRITTEN + verified(1)),
    "verified twice": (0.034, WRITTEN + verified(2)),
    "verified on every node": (0.026, WRITTEN + verified(3)),
    "served": (0.006, WRITTEN + SERVED),
    "serving broke off": (0.003, (*WRITTEN, *SERVED[:2], Step("serve failed", 1, "later", 2.0, 20.0))),
    "copied": (0.0025, WRITTEN + COPIED),
    "one replica too many": (0.004, WRITTEN + deleted(1)),
    "deleted": (0.0015, WRITTEN + deleted(0, 1, 2)),
    "one empty packet": (0.002, (*WRITTEN, Step("empty packet", 0, "acknowledge", -0.02))),
    "two replicas": (0.003, tuple(step for step in WRITTEN if step.lane != 2)),
    "late in the pipeline": (0.003, moved(WRITTEN, "receiving", 2, "acknowledge", 0.0, 0.3)),
}
"""Share and steps of each normal life. The rows from "served" on are rare: to a detector many of them look alarming."""


class Kind(NamedTuple):
    """A kind of anomaly: its share of the anomalous blocks, what gives it away, and its equally frequent lives."""

    share: float
    evidence: str  # "event": a message that no normal life has; "count": only the numbers; "order": only the order
    lives: tuple[Steps, ...]


ANOMALIES: dict[str, Kind] = {
    # The client gives up writing.
    "write-exception": Kind(
        0.09,
        "event",
        tuple(
            (*WRITTEN[: 2 + lane], Step("write failed", lane, "receive", 1.0, 5.0), *more)
            for lane, more in ((1, ()), (2, ()), (1, (Step("write failed", 0, "receive", 1.0, 5.0),)))
        ),
    ),
    # The stream between two data nodes breaks; the write is resumed without the second one.
    "receive-exception": Kind(
        0.05,
        "event",
        tuple(
            (
                *without(WRITTEN, ("received", 1), ("stored", 1)),
                Step("receive failed", 1, "fail"),
                Step("write failed", 1, "fail", 0.01),
                Step("mirror failed", 0, "fail", 0.01, 0.01),
                Step(broken, 0, "fail", 0.02, 0.02),
                *more,
            )
            for broken, more in (
                ("responder failed", ()),
                ("responder interrupted", ()),
                ("responder failed", (Step("receiving", 0, "fail", 5.0), Step("offset changed", 0, "fail", 5.1))),
            )
        ),
    ),
    # A data node reports a replica that the name node already has.
    "redundant-store": Kind(
        0.08,
        "event",
        (
            (*WRITTEN, Step("stored twice", 1, "store", 0.05, 0.5)),
            (*WRITTEN, Step("stored twice", 2, "later")),
            (*WRITTEN, *verified(1), Step("stored twice", 0, "later"), Step("stored twice", 1, "later")),
        ),
    ),
    # A data node reports a replica whose file is gone.
    "orphaned-block": Kind(
        0.05,
        "event",
        (
            (*WRITTEN, *deleted(2), Step("stored without file", 1, "delete", 1.0, 1.0)),
            (*without(WRITTEN, ("stored", 2)), Step("stored without file", 2, "store", 0.1)),
        ),
    ),
    # A data node is told to delete a replica that it does not have.
    "missing-block-deletion": Kind(
        0.06,
        "event",
        (
            (*WRITTEN, *deleted(1), Step("delete failed", 1, "delete", 1.0, 1.0)),
            (*WRITTEN, *without(deleted(0, 1), ("deleted", 1)), Step("delete failed", 1, "delete", 0.5, 0.8)),
        ),
    ),
    # A replica is not copied in time.
    "replication-timeout": Kind(
        0.05,
        "event",
        (
            (*WRITTEN, *COPIED[:2], Step("copy timed out", 0, "copy", 300.0, 60.0)),
            (*WRITTEN, *COPIED[:3], Step("copy failed", 0, "copy", 2.0, 1.0), Step("copy timed out", 0, "copy", 300.0)),
        ),
    ),
    # Packets without data: one is harmless, one for every replica is not.
    "empty-packets": Kind(
        0.05, "count", ((*WRITTEN, *(Step("empty packet", lane, "acknowledge", -0.02) for lane in REPLICAS)),)
    ),
    # The write fails at its beginning, without a word.
    "abandoned-write": Kind(0.07, "count", (WRITTEN[:2], WRITTEN[:3], WRITTEN[:4])),
    # A data node never confirms its replica, or only half of the confirmation is there.
    "missing-acknowledgement": Kind(
        0.07,
        "count",
        (
            without(WRITTEN, ("responded", 2), ("received", 2)),
            without(WRITTEN, ("received", 1)),
            without(WRITTEN, ("responded", 0)) + verified(1),
        ),
    ),
    # Fewer replicas than were asked for reach the name node.
    "under-replicated": Kind(
        0.06,
        "count",
        (
            without(WRITTEN, ("stored", 2)),
            without(WRITTEN, ("stored", 1), ("stored", 2)),
            without(WRITTEN, ("responded", 2), ("received", 2), ("stored", 2)),
        ),
    ),
    # Replicas disappear from data nodes and the name node does not know.
    "unrecorded-deletion": Kind(
        0.04,
        "count",
        (
            WRITTEN + without(deleted(1), ("invalidated", 1)),
            WRITTEN + verified(1) + without(deleted(0, 2), ("invalidated", 0), ("invalidated", 2)),
        ),
    ),
    # The name node lists a replica before any data node can have it.
    "stored-before-received": Kind(
        0.09,
        "order",
        (
            moved(WRITTEN, "stored", 0, "receive", 0.05, 0.15),
            moved(WRITTEN, "stored", 1, "receive", -0.1, 0.15),
            moved(WRITTEN, "stored", 2, "open", 0.1, 0.3),
        ),
    ),
    # A data node confirms what it has not begun to receive.
    "acknowledged-before-received": Kind(
        0.07,
        "order",
        (
            moved(moved(WRITTEN, "responded", 2, "receive", -0.2, 0.05), "received", 2, "receive", -0.15, 0.05),
            moved(moved(WRITTEN, "responded", 1, "open", 0.1, 0.1), "received", 1, "open", 0.15, 0.1),
        ),
    ),
    # The block is allocated after it was written.
    "late-allocation": Kind(
        0.06,
        "order",
        (
            moved(WRITTEN, "allocated", 0, "acknowledge"),
            moved(WRITTEN, "allocated", 0, "later"),
            moved(WRITTEN, "allocated", 0, "store") + verified(1),
        ),
    ),
    # The scanner finds a replica good that is still being written.
    "verified-before-stored": Kind(
        0.06, "order", tuple(moved(WRITTEN + verified(n), "verified", 0, "fail", 0.0, 1.0) for n in (1, 2))
    ),
    # A replica is deleted while the block is being written.
    "deleted-at-once": Kind(
        0.05, "order", (WRITTEN + deleted(1, clock="acknowledge"), WRITTEN + deleted(1, clock="fail"))
    ),
}
"""Kinds of anomaly after Xu et al., SOSP 2009."""

# ---------------------------------------------------------------------------------------------------------------------
# The engine: draw blocks slice by slice, lay out their lines, write those that nothing later can precede.

BLOCKS_PER_SLICE = 8192
START = np.datetime64("2008-11-09T20:35:18", "s")
SECONDS_BETWEEN_BLOCKS = 38.7 * 3600 / 575_061  # HDFS_v1: 575,061 blocks in 38.7 hours
FULL_BLOCK = 67_108_864  # bytes
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class SimulationReport:
    """What was written: numbers of lines, sessions, anomalous sessions, and sessions of each kind of anomaly."""

    lines: int
    sessions: int
    anomalous: int
    kinds: dict[str, int]


@dataclass(frozen=True)
class _Lives:
    """Every life of NORMAL and ANOMALIES as arrays; the steps of all lives are laid end to end.

    `kind` is the life's position in ANOMALIES, -1 for a normal one; `share` is its share among the normal blocks or
    among the anomalous ones; its steps are `first` to `first + length`.
    """

    kind: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]
    first: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    message: npt.NDArray[np.uint8]
    lane: npt.NDArray[np.uint8]
    clock: npt.NDArray[np.int64]
    delay: npt.NDArray[np.float64]
    jitter: npt.NDArray[np.float64]


def _compile() -> _Lives:
    """Lay out the tables above as arrays."""
    lives = [(-1, share, steps) for share, steps in NORMAL.values()]
    for number, kind in enumerate(ANOMALIES.values()):
        lives.extend((number, kind.share / len(kind.lives), steps) for steps in kind.lives)
    steps = [step for _, _, life in lives for step in life]
    codes = {name: code for code, name in enumerate(MESSAGES)}
    clocks = list(CLOCKS)
    length = np.array([len(life) for _, _, life in lives])
    return _Lives(
        kind=np.array([kind for kind, _, _ in lives]),
        share=np.array([share for _, share, _ in lives]),
        first=np.cumsum(length) - length,
        length=length,
        message=np.array([codes[step.message] for step in steps], dtype=np.uint8),
        lane=np.array([step.lane for step in steps], dtype=np.uint8),
        clock=np.array([clocks.index(step.clock) for step in steps]),
        delay=np.array([step.delay for step in steps]),
        jitter=np.array([step.jitter for step in steps]),
    )


LIVES = _compile()


@dataclass(frozen=True)
class _Blocks:
    """The blocks of one slice, in order of their first lines: axis 0 is the block, axis 1 the lane.

    `life` is a position in LIVES; times are microseconds since START; the next slice's first block arrives at `end`.
    """

    life: npt.NDArray[np.int64]
    arrival: npt.NDArray[np.int64]
    end: int
    block: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    task: npt.NDArray[np.uint32]
    node: npt.NDArray[np.uint8]
    port: npt.NDArray[np.uint16]
    clocks: npt.NDArray[np.float64]  # seconds, shape (blocks, lanes, clocks)


def _draw_clocks(rng: np.random.Generator, size: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Draw the moments of each block's life in seconds; shape (blocks, lanes, clocks)."""
    each = (len(size), LANES)
    block = (len(size), 1)
    transfer = size[:, None] / (1.8e6 * rng.lognormal(0.0, 0.3, block))
    receive = rng.exponential(0.1, each) + np.array([0.30, 0.45, 0.75, 0.0])
    acknowledge = receive + transfer + rng.exponential(0.35, each)
    # The clocks of the name node and of the data nodes differ: some replicas seem to be known before they are there.
    store = acknowledge + rng.normal(-0.25, 1.15, block) + rng.exponential(0.05, each)
    written = np.maximum(acknowledge, store)[:, REPLICAS].max(axis=1, keepdims=True)
    later = written + 10.0 + rng.exponential(150.0, each)
    copy = written + 10.0 + rng.exponential(150.0, block)
    moments = {
        "open": np.zeros(block),
        "receive": receive,
        "fail": receive + rng.uniform(0.1, 0.9, each) * transfer,
        "acknowledge": acknowledge,
        "store": store,
        "later": later,
        "copy": copy,
        "delete": np.maximum(later.max(axis=1, keepdims=True), copy) + 30.0 + rng.exponential(100.0, block),
    }
    return np.stack([np.broadcast_to(moments[clock], each) for clock in CLOCKS], axis=2)


def _draw_blocks(rng: np.random.Generator, wanted: int, anomaly_share: float, begin: int) -> _Blocks:
    """Draw the first `wanted` blocks of a slice that begins at `begin` (microseconds).

    A whole slice is drawn whatever is wanted of it, so that a longer log begins with the same blocks.
    """
    count = BLOCKS_PER_SLICE
    normal = LIVES.kind < 0
    life = np.where(
        rng.random(count) < anomaly_share,
        rng.choice(np.flatnonzero(~normal), count, p=LIVES.share[~normal]),
        rng.choice(np.flatnonzero(normal), count, p=LIVES.share[normal]),
    )
    gap = rng.exponential(SECONDS_BETWEEN_BLOCKS * MICROSECONDS, count).astype(np.int64)
    # Among 50 million blocks the chance of one repeated number is below 1 in 10,000.
    block = rng.integers(-(2**63), 2**63, count)
    # One block in a hundred is a small file, written so fast that the steps of its life run into one another.
    small = np.exp(rng.uniform(np.log(1e3), np.log(FULL_BLOCK), count)).astype(np.int64)
    size = np.where(rng.random(count) < 0.01, small, FULL_BLOCK)
    # Steps of 1 to 50 around the ring of nodes: the four nodes of a block differ.
    node = np.cumsum(rng.integers(1, 51, (count, LANES)), axis=1) + rng.integers(0, len(NODES), (count, 1))
    task = rng.integers(0, 3000, count)
    port = rng.integers(32_768, 61_000, (count, LANES))
    clocks = _draw_clocks(rng, size)
    return _Blocks(
        life=life[:wanted],
        arrival=(begin + np.cumsum(gap) - gap)[:wanted],
        end=begin + int(gap.sum()),
        block=block[:wanted],
        size=size[:wanted],
        task=task[:wanted].astype(np.uint32),
        node=(node[:wanted] % len(NODES)).astype(np.uint8),
        port=port[:wanted].astype(np.uint16),
        clocks=clocks[:wanted],
    )


def _draw_lines(rng: np.random.Generator, blocks: _Blocks) -> pl.DataFrame:
    """Lay out the steps of every block's life as lines, block after block."""
    length = LIVES.length[blocks.life]
    begins = np.cumsum(length) - length
    row = np.repeat(np.arange(len(length)), length)
    step = np.repeat(LIVES.first[blocks.life] - begins, length) + np.arange(len(row))
    lane = LIVES.lane[step]
    peer = np.where(lane == NEW, 0, NEW)
    seconds = blocks.clocks[row, lane, LIVES.clock[step]] + LIVES.delay[step]
    seconds += rng.exponential(LIVES.jitter[step])
    # A block arrives with its first line, whichever that is.
    seconds -= np.minimum.reduceat(seconds, begins)[row]
    return pl.DataFrame(
        {
            "time": blocks.arrival[row] + (seconds * MICROSECONDS).astype(np.int64),
            "message": LIVES.message[step],
            "lane": lane,
            "block": blocks.block[row],
            "size": blocks.size[row],
            "task": blocks.task[row],
            "node": blocks.node[row, lane],
            "peer": blocks.node[row, peer],
            "port": blocks.port[row, lane],
        }
    )


def _render(lines: pl.DataFrame) -> pl.DataFrame:
    """Turn the columns of _draw_lines into the text of the log, one row a line."""
    seconds = lines["time"].to_numpy() // MICROSECONDS
    # One text for each second rather than for each line.
    every = pl.Series((START + np.arange(seconds[0], seconds[-1] + 1)).astype("datetime64[us]"))
    clock = every.dt.strftime("%y%m%d %H%M%S").gather(seconds - seconds[0])
    lines = lines.with_columns(clock=clock).with_row_index("row")
    shapes = list(MESSAGES.values())
    parts = []
    for (code,), part in lines.partition_by("message", as_dict=True).items():
        source, text = shapes[code]
        threads = source.last_thread - source.first_thread + 1
        header = {"clock": pl.col("clock"), "thread": source.first_thread + pl.col("port") % threads}
        template = f"{{clock}} {{thread}} {source.level} {source.component}: {text}"
        parts.append(part.select("row", text=_format(template, FIELDS | header)))
    return pl.concat(parts).sort("row").select("text")


def simulate(
    log_path: Path, labels_path: Path, kinds_path: Path, *, sessions: int, anomaly_share: float, seed: int
) -> SimulationReport:
    """Write a log of `sessions` blocks in the line format of HDFS_v1, with labels and kinds of anomaly.

    Parameters
    ----------
    log_path, labels_path, kinds_path : Path
        The raw log; `BlockId,Label` (Normal or Anomaly) for every block in order of its first line, Loghub's format;
        `BlockId,Kind` for the anomalous ones.
    sessions : int
        Number of blocks; each brings about 13 lines.
    anomaly_share : float
        Probability that a block is anomalous, 0 <= share < 1.
    seed : int
        The same seed gives the same bytes; more sessions with the same seed begin with the same blocks.

    Raises
    ------
    UserError
        If an argument is out of range.
    """
    if sessions < 1:
        raise UserError(f"sessions is {sessions}; simulate at least 1.")
    if not 0 <= anomaly_share < 1:
        raise UserError(f"anomaly_share is {anomaly_share}; it must be at least 0 and less than 1.")
    if seed < 0:
        raise UserError(f"seed is {seed}; it must be 0 or more.")
    written = 0
    names = pl.Series(list(ANOMALIES))
    kinds = np.zeros(len(names), dtype=np.int64)
    held: list[pl.DataFrame] = []
    begin = 0
    with ExitStack() as stack:
        log_file, labels_file, kinds_file = (
            stack.enter_context(stack.enter_context(atomic_path(path)).open("wb"))
            for path in (log_path, labels_path, kinds_path)
        )
        labels_file.write(b"BlockId,Label\n")
        kinds_file.write(b"BlockId,Kind\n")
        for done in cli.progress(range(0, sessions, BLOCKS_PER_SLICE), "Simulating"):
            rng = np.random.default_rng([seed, done // BLOCKS_PER_SLICE])
            blocks = _draw_blocks(rng, min(BLOCKS_PER_SLICE, sessions - done), anomaly_share, begin)
            begin = blocks.end
            lines = pl.concat([*held, _draw_lines(rng, blocks)]).sort("time", maintain_order=True)
            # Blocks still to come write nothing before `begin`; what is later waits for them.
            last = done + BLOCKS_PER_SLICE >= sessions
            ready = lines.height if last else int(lines["time"].search_sorted(begin))
            held = [lines.slice(ready)]
            _render(lines.head(ready)).write_csv(log_file, include_header=False, quote_style="never")
            written += ready

            kind = LIVES.kind[blocks.life]
            kinds += np.bincount(kind[kind >= 0], minlength=len(names))
            table = pl.DataFrame({"block": blocks.block, "kind": kind}).with_columns(block=FIELDS["block"])
            label = pl.when(pl.col("kind") < 0).then(pl.lit("Normal")).otherwise(pl.lit("Anomaly"))
            table.select("block", label).write_csv(labels_file, include_header=False)
            anomalous = table.filter(pl.col("kind") >= 0)
            anomalous.select("block", pl.lit(names).gather(pl.col("kind"))).write_csv(kinds_file, include_header=False)
    return SimulationReport(written, sessions, int(kinds.sum()), dict(zip(ANOMALIES, kinds.tolist(), strict=True)))
