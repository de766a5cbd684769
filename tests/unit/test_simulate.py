"""The simulator: line format, labels, life cycles, determinism, speed, memory, and how hard its anomalies are."""

import math
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from logassay import simulate as simulator
from logassay.errors import UserError
from logassay.simulate import ANOMALIES, NORMAL, SimulationReport, Steps, simulate

SCRIPT = Path(simulator.__file__).parents[1] / "simulate_log.py"

BLK, IP, N = r"blk_-?\d+", r"10\.\d+\.\d+\.\d+", r"\d+"
NAME_NODE = "INFO dfs\\.FSNamesystem: BLOCK\\* "
DATA_NODE = r"dfs\.DataNode"
# Every message shape of the simulator, written from real lines (see tests/real) and the source of Hadoop 0.18.
SHAPES = {
    "allocated": NAME_NODE
    + rf"NameSystem\.allocateBlock: /user/hdfs/\w+/_temporary/_task_200811092030_0001_m_\d{{6}}_0/part-\d{{5}}\. {BLK}",
    "receiving": rf"INFO {DATA_NODE}\$DataXceiver: Receiving block {BLK} src: /{IP}:{N} dest: /{IP}:50010",
    "responded": rf"INFO {DATA_NODE}\$PacketResponder: PacketResponder [0-2] for block {BLK} terminating",
    "received": rf"INFO {DATA_NODE}\$PacketResponder: Received block {BLK} of size {N} from /{IP}",
    "stored": NAME_NODE + rf"NameSystem\.addStoredBlock: blockMap updated: {IP}:50010 is added to {BLK} size {N}",
    "verified": rf"INFO dfs\.DataBlockScanner: Verification succeeded for {BLK}",
    "served": rf"INFO {DATA_NODE}\$DataXceiver: {IP}:50010 Served block {BLK} to /{IP}",
    "serve failed": rf"WARN {DATA_NODE}\$DataXceiver: {IP}:50010:Got exception while serving {BLK} to /{IP}:",
    "copy asked": NAME_NODE + rf"ask {IP}:50010 to replicate {BLK} to datanode\(s\) {IP}:50010",
    "copy started": rf"INFO {DATA_NODE}: {IP}:50010 Starting thread to transfer block {BLK} to {IP}:50010",
    "copy sent": rf"INFO {DATA_NODE}\$DataTransfer: {IP}:50010:Transmitted block {BLK} to /{IP}:50010",
    "copy received": rf"INFO {DATA_NODE}\$DataXceiver: Received block {BLK} "
    rf"src: /{IP}:{N} dest: /{IP}:50010 of size {N}",
    "copy failed": rf"WARN {DATA_NODE}\$DataTransfer: {IP}:50010:Failed to transfer {BLK} to {IP}:50010 "
    r"got java\.io\.IOException: Connection reset by peer",
    "copy timed out": r"WARN dfs\.PendingReplicationBlocks\$PendingReplicationMonitor: "
    rf"PendingReplicationMonitor timed out block {BLK}",
    "invalidated": NAME_NODE + rf"NameSystem\.delete: {BLK} is added to invalidSet of {IP}:50010",
    "deleted": rf"INFO dfs\.FSDataset: Deleting block {BLK} file /mnt/hadoop/dfs/data/current/subdir\d+/{BLK}",
    "delete failed": rf"WARN dfs\.FSDataset: Unexpected error trying to delete block {BLK}\. "
    r"BlockInfo not found in volumeMap\.",
    "empty packet": rf"INFO {DATA_NODE}\$BlockReceiver: Receiving empty packet for block {BLK}",
    "receive failed": rf"INFO {DATA_NODE}\$BlockReceiver: Exception in receiveBlock for block {BLK} "
    r"java\.io\.IOException: Connection reset by peer",
    "offset changed": rf"INFO {DATA_NODE}\$BlockReceiver: Changing block file offset of block {BLK} "
    rf"from 0 to {N} meta file offset to {N}",
    "write failed": rf"INFO {DATA_NODE}\$DataXceiver: writeBlock {BLK} received exception "
    r"java\.io\.IOException: Could not read from stream",
    "mirror failed": rf"WARN {DATA_NODE}\$DataXceiver: {IP}:50010:Exception writing block {BLK} to mirror {IP}:50010",
    "responder failed": rf"INFO {DATA_NODE}\$PacketResponder: PacketResponder {BLK} [0-2] "
    r"Exception java\.io\.EOFException",
    "responder interrupted": rf"INFO {DATA_NODE}\$PacketResponder: PacketResponder [0-2] for block {BLK} Interrupted\.",
    "stored twice": r"WARN dfs\.FSNamesystem: BLOCK\* NameSystem\.addStoredBlock: "
    rf"Redundant addStoredBlock request received for {BLK} on {IP}:50010 size {N}",
    "stored without file": NAME_NODE
    + rf"NameSystem\.addStoredBlock: addStoredBlock request received for {BLK} on {IP}:50010 size {N} "
    r"But it does not belong to any file\.",
}


class Simulation:
    """A simulated log, read back: the blocks in order of their first lines."""

    def __init__(self, folder: Path, sessions: int, anomaly_share: float, seed: int) -> None:
        self.paths = tuple(folder / name for name in ("raw.log", "labels.csv", "kinds.csv"))
        self.report = simulate(*self.paths, sessions=sessions, anomaly_share=anomaly_share, seed=seed)
        self.lines = self.paths[0].read_text().splitlines()
        self.labels = dict(line.split(",") for line in self.paths[1].read_text().splitlines()[1:])
        self.kinds = dict(line.split(",") for line in self.paths[2].read_text().splitlines()[1:])
        text = pl.Series("line", self.lines)
        named = pl.coalesce(
            [
                pl.when(pl.col("line").str.contains(rf"^\d+ \d+ \d+ {shape}$")).then(pl.lit(name))
                for name, shape in SHAPES.items()
            ]
        )
        self.events = text.to_frame().select(event=named)["event"].to_list()
        self.blocks: dict[str, list[str]] = defaultdict(list)
        for block, event in zip(text.str.extract(r"(blk_-?\d+)"), self.events, strict=True):
            self.blocks[block].append(event)

    def of_kind(self, kind: str) -> list[list[str]]:
        return [self.blocks[block] for block, name in self.kinds.items() if name == kind]

    def normal(self) -> list[list[str]]:
        return [events for block, events in self.blocks.items() if self.labels[block] == "Normal"]

    def split(self) -> tuple[list[list[str]], list[list[str]], list[bool]]:
        """Return the normal sequences of the first half, and all of the last 30 % with their labels."""
        blocks = list(self.blocks.items())
        half, last = len(blocks) // 2, len(blocks) * 7 // 10
        train = [events for block, events in blocks[:half] if self.labels[block] == "Normal"]
        test = [events for _, events in blocks[last:]]
        return train, test, [self.labels[block] == "Anomaly" for block, _ in blocks[last:]]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """A log with so many anomalies that every life cycle occurs."""
    return Simulation(tmp_path_factory.mktemp("troubled"), sessions=6000, anomaly_share=0.5, seed=3)


@pytest.fixture(scope="module", params=[1, 2, 3])
def default(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """A log of the default study."""
    return Simulation(tmp_path_factory.mktemp("default"), sessions=8000, anomaly_share=0.04, seed=request.param)


def messages(steps: Steps) -> Counter[str]:
    return Counter(step.message for step in steps)


NORMAL_COUNTS = [messages(steps) for _, steps in NORMAL.values()]
NORMAL_MESSAGES = {message for counts in NORMAL_COUNTS for message in counts}


# --- What is written


def test_every_line_has_the_shape_of_a_real_one_and_every_shape_occurs(troubled: Simulation) -> None:
    assert [line for line, event in zip(troubled.lines, troubled.events, strict=True) if event is None] == []
    assert set(troubled.events) == set(SHAPES) == set(simulator.MESSAGES)


def test_lines_are_in_time_order_from_the_start_of_the_real_log(troubled: Simulation) -> None:
    assert troubled.lines[0].startswith("081109 203518 ")
    clocks = [line[:13] for line in troubled.lines]
    assert all(re.fullmatch(r"\d{6} \d{6}", clock) for clock in set(clocks))
    assert clocks == sorted(clocks)


def test_blocks_arrive_at_the_rate_of_the_real_log(default: Simulation) -> None:
    first = {block: line[7:13] for line in reversed(default.lines) for block in re.findall(BLK, line)}
    clock = list(first.values())
    seconds = [int(text[:2]) * 3600 + int(text[2:4]) * 60 + int(text[4:]) for text in (min(clock), max(clock))]
    # 575,061 blocks in 38.7 hours; 8,000 exponential gaps scatter by 1.1 %.
    assert (seconds[1] - seconds[0]) / 8000 == pytest.approx(38.7 * 3600 / 575_061, rel=0.05)


def test_labels_are_in_order_of_the_first_line_and_agree_with_the_kinds(troubled: Simulation) -> None:
    assert troubled.paths[1].read_text().startswith("BlockId,Label\n")
    assert troubled.paths[2].read_text().startswith("BlockId,Kind\n")
    assert list(troubled.labels) == list(troubled.blocks)
    assert len(troubled.labels) == 6000
    assert set(troubled.labels.values()) == {"Normal", "Anomaly"}
    assert list(troubled.kinds) == [block for block, label in troubled.labels.items() if label == "Anomaly"]


def test_the_report_counts_what_was_written(troubled: Simulation) -> None:
    assert troubled.report == SimulationReport(
        lines=len(troubled.lines),
        sessions=6000,
        anomalous=len(troubled.kinds),
        kinds={kind: len(troubled.of_kind(kind)) for kind in ANOMALIES},
    )


def test_the_share_of_anomalies_is_as_asked(troubled: Simulation, default: Simulation, tmp_path: Path) -> None:
    # Four standard deviations of a binomial: 4 * sqrt(6000 * 0.5 * 0.5) = 155, 4 * sqrt(8000 * 0.04 * 0.96) = 70.
    assert abs(troubled.report.anomalous - 3000) < 155
    assert abs(default.report.anomalous - 320) < 70
    healthy = Simulation(tmp_path, sessions=500, anomaly_share=0.0, seed=1)
    assert healthy.report.anomalous == 0
    assert healthy.kinds == {}
    for kind, facts in ANOMALIES.items():
        wanted = troubled.report.anomalous * facts.share
        assert abs(troubled.report.kinds[kind] - wanted) < 4 * math.sqrt(wanted)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    contents = []
    for run, seed in (("a", 5), ("b", 5), ("c", 6)):
        (tmp_path / run).mkdir()
        contents.append([path.read_bytes() for path in Simulation(tmp_path / run, 300, 0.1, seed).paths])
    assert contents[0] == contents[1]
    assert all(one != other for one, other in zip(contents[0], contents[2], strict=True))


def test_a_longer_log_begins_with_the_same_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "BLOCKS_PER_SLICE", 64)
    (tmp_path / "short").mkdir()
    short = Simulation(tmp_path / "short", 100, 0.3, 1)
    long = Simulation(tmp_path, 300, 0.3, 1)
    assert list(long.labels.items())[:100] == list(short.labels.items())
    assert list(long.kinds.items())[: len(short.kinds)] == list(short.kinds.items())
    assert [long.blocks[block] for block in short.blocks] == list(short.blocks.values())


def test_slices_give_the_order_of_one_global_sort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def draw_lines(*args: Any) -> pl.DataFrame:
        drawn.append(original(*args))
        return drawn[-1]

    original = simulator._draw_lines
    monkeypatch.setattr(simulator, "BLOCKS_PER_SLICE", 50)
    monkeypatch.setattr(simulator, "_draw_lines", draw_lines)
    written = Simulation(tmp_path, 420, 0.2, 7).lines
    together = pl.concat(drawn).sort("time", maintain_order=True)
    assert len(drawn) == 9
    assert written == simulator._render(together)["text"].to_list()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sessions": 0}, "sessions is 0"),
        ({"anomaly_share": 1.0}, "anomaly_share is 1.0"),
        ({"anomaly_share": -0.1}, "anomaly_share is -0.1"),
        ({"anomaly_share": math.nan}, "anomaly_share is nan"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_arguments_out_of_range_are_a_clear_mistake(arguments: dict[str, Any], words: str, tmp_path: Path) -> None:
    good: dict[str, Any] = {"sessions": 10, "anomaly_share": 0.1, "seed": 1}
    with pytest.raises(UserError, match=words):
        simulate(tmp_path / "a", tmp_path / "b", tmp_path / "c", **(good | arguments))
    assert list(tmp_path.iterdir()) == []


# --- What happens


def test_shares_sum_to_one() -> None:
    assert sum(share for share, _ in NORMAL.values()) == pytest.approx(1)
    assert sum(kind.share for kind in ANOMALIES.values()) == pytest.approx(1)


def test_there_are_at_least_eight_kinds_and_half_of_the_anomalies_have_no_new_message() -> None:
    share: dict[str, float] = defaultdict(float)
    for kind in ANOMALIES.values():
        share[kind.evidence] += kind.share
    assert len(ANOMALIES) >= 8
    assert set(share) == {"event", "count", "order"}
    assert share["event"] < 0.5
    assert share["order"] > 0.3


@pytest.mark.parametrize("kind", [name for name, kind in ANOMALIES.items() if kind.evidence == "event"])
def test_kinds_with_a_new_message(kind: str, troubled: Simulation) -> None:
    assert all(set(messages(steps)) - NORMAL_MESSAGES for steps in ANOMALIES[kind].lives)
    assert all(set(events) - NORMAL_MESSAGES for events in troubled.of_kind(kind))


@pytest.mark.parametrize("kind", [name for name, kind in ANOMALIES.items() if kind.evidence == "count"])
def test_kinds_seen_in_the_counts_only(kind: str, troubled: Simulation) -> None:
    for steps in ANOMALIES[kind].lives:
        assert set(messages(steps)) <= NORMAL_MESSAGES
        assert messages(steps) not in NORMAL_COUNTS
    written = {frozenset(Counter(events).items()) for events in troubled.of_kind(kind)}
    assert written == {frozenset(messages(steps).items()) for steps in ANOMALIES[kind].lives}


@pytest.mark.parametrize("kind", [name for name, kind in ANOMALIES.items() if kind.evidence == "order"])
def test_kinds_seen_in_the_order_only(kind: str, troubled: Simulation) -> None:
    assert all(messages(steps) in NORMAL_COUNTS for steps in ANOMALIES[kind].lives)
    found = troubled.of_kind(kind)
    assert all(Counter(events) in NORMAL_COUNTS for events in found)
    normal = {tuple(events) for events in troubled.normal()}
    strange = sum(tuple(events) not in normal for events in found)
    assert strange / len(found) > 0.75  # now and then the wrong order is one that happens anyway


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("stored-before-received", lambda events: events.index("stored") < last(events, "receiving")),
        ("acknowledged-before-received", lambda events: events.index("responded") < last(events, "receiving")),
        ("late-allocation", lambda events: events.index("allocated") > events.index("responded")),
        ("verified-before-stored", lambda events: events.index("verified") < last(events, "stored")),
        ("deleted-at-once", lambda events: events.index("invalidated") < last(events, "received", "stored")),
    ],
)
def test_the_order_is_wrong_as_the_kind_says(
    kind: str, wrong: Callable[[list[str]], bool], troubled: Simulation
) -> None:
    """Nearly all anomalies of the kind have the wrong order, and nearly no normal block with these events has it."""
    needed = {step.message for steps in ANOMALIES[kind].lives for step in steps} - {"verified"}
    if kind == "verified-before-stored":
        needed.add("verified")
    anomalous = [wrong(events) for events in troubled.of_kind(kind)]
    normal = [wrong(events) for events in troubled.normal() if needed <= set(events)]
    assert sum(anomalous) / len(anomalous) > 0.75
    assert sum(normal) / len(normal) < 0.05


def last(events: list[str], *wanted: str) -> int:
    return max(place for place, event in enumerate(events) if event in wanted)


def test_a_plain_write_has_the_events_of_the_real_one(default: Simulation) -> None:
    plain = Counter(allocated=1, receiving=3, responded=3, received=3, stored=3)
    assert messages(simulator.WRITTEN) == plain
    # 6,197 of 7,627 normal blocks of the real log.
    assert sum(Counter(events) == plain for events in default.normal()) / len(default.normal()) == pytest.approx(
        6197 / 7627, abs=0.03
    )


# --- How hard it is


def test_normal_blocks_have_hundreds_of_sequences_so_that_an_unseen_one_is_no_proof(default: Simulation) -> None:
    train, test, anomalous = default.split()
    assert 400 < len({tuple(events) for events in default.normal()}) < 900
    known = {tuple(events) for events in train}
    flagged = [tuple(events) not in known for events in test]
    assert f1(flagged, anomalous) < 0.8


def test_some_alarming_messages_are_normal(default: Simulation) -> None:
    train, _, _ = default.split()
    seen = Counter(event for events in train for event in set(events))
    for message in ("empty packet", "serve failed", "copy asked", "deleted"):
        assert seen[message] >= 2, message


def test_a_new_event_does_not_tell_the_anomalies_apart(default: Simulation) -> None:
    train, test, anomalous = default.split()
    known = {event for events in train for event in events}
    flagged = [not set(events) <= known for events in test]
    assert 0.3 < f1(flagged, anomalous) < 0.7


def test_order_and_end_tell_more_than_counts(default: Simulation) -> None:
    """A table of what comes next, given what has come so far, beats an isolation forest on counts."""
    train, test, anomalous = default.split()
    following: dict[object, Counter[str]] = defaultdict(Counter)
    for state, event in (step for events in train for step in states(events)):
        following[state][event] += 1
    surprise = []
    for events in test:
        seen = [(following[state][event], following[state].total()) for state, event in states(events)]
        surprise.append(max(-math.log((times + 0.1) / (total + 3)) for times, total in seen))
    names = list(SHAPES)
    forest = IsolationForest(random_state=0).fit([[events.count(name) for name in names] for events in train])
    isolation = -forest.score_samples([[events.count(name) for name in names] for events in test])
    assert 0.65 < roc_auc_score(anomalous, isolation) < 0.88
    assert 0.94 < roc_auc_score(anomalous, surprise) < 0.998


def states(events: list[str]) -> list[tuple[object, str]]:
    """Return for each event, the end included, the counts so far with the last event, and the event."""
    sequence = [*events, "end"]
    return [
        ((frozenset(Counter(events[:i]).items()), sequence[i - 1] if i else ""), sequence[i])
        for i in range(len(sequence))
    ]


def f1(flagged: list[bool], anomalous: list[bool]) -> float:
    hits = sum(flag and label for flag, label in zip(flagged, anomalous, strict=True))
    return 2 * hits / (sum(flagged) + sum(anomalous))


# --- What it costs


def test_at_least_200_000_lines_a_second(tmp_path: Path) -> None:
    rates = []
    for _ in range(3):  # the best of three: the machine may be busy with something else
        begin = time.perf_counter()
        report = simulate(*(tmp_path / name for name in "abc"), sessions=16_000, anomaly_share=0.04, seed=1)
        rates.append(report.lines / (time.perf_counter() - begin))
    assert report.lines > 200_000
    assert max(rates) > 200_000


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    def peak(sessions: int) -> float:
        """Return the largest resident size of a process that simulates, in MB."""
        paths = ", ".join(f"Path({str(tmp_path / name)!r})" for name in "abc")
        code = (
            "import resource; from pathlib import Path; from logassay.simulate import simulate; "
            f"simulate({paths}, sessions={sessions}, anomaly_share=0.04, seed=1); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
        )
        return float(
            subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=SCRIPT.parent
            ).stdout
        )

    # 20 thousand and 800 thousand lines; the second log alone is 112 MB.
    assert peak(60_000) < peak(1_500) + 80


# --- The program


def test_the_program_writes_what_the_library_writes(tmp_path: Path) -> None:
    expected = [path.read_bytes() for path in Simulation(tmp_path, 200, 0.04, 9).paths]
    options = ["--sessions", "200", "--seed", "9", "--output", "o.log", "--labels", "o.csv", "--kinds", "k.csv"]
    subprocess.run([sys.executable, SCRIPT, *options, "--log", "job.log"], check=True, cwd=tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("o.log", "o.csv", "k.csv")] == expected
    assert "200 sessions" in (tmp_path / "job.log").read_text()


def test_the_program_says_in_a_sentence_what_is_wrong(tmp_path: Path) -> None:
    options = ["--sessions", "9", "--anomaly-share", "4", "--output", "o.log", "--labels", "o.csv", "--kinds", "k.csv"]
    done = subprocess.run([sys.executable, SCRIPT, *options], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "anomaly_share is 4.0; it must be at least 0 and less than 1." in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
