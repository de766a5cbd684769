"""How fast and in how much memory each stage works, beside what others would do instead, alternated in one run.

Every piece of work is a process of its own. Whether the things compared do the same is checked, and if not, it fails.
"""

import json
import os
import platform
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from logassay import cli
from logassay.bench_peers import SIMILARITY, python_header
from logassay.errors import UserError
from logassay.files import atomic_path, read_json
from logassay.line_format import LineFormat
from logassay.simulate import simulate
from logassay.simulate_bgl import simulate_bgl

SCRIPTS = Path(__file__).resolve().parents[1]
PACKAGES = ("polars", "numpy", "pyarrow", "pandas", "drain3")
SAMPLES = {"hdfs": "HDFS", "bgl": "BGL"}
START_LINES = 1_000
"""The quickest run on so few lines is taken for a stage's start: Python, imports, opening files."""
GROWTH = 10

PARSE, WITH_DRAIN, SEQUENCES = "parse", "parse + Drain", "sequences"
STAGES = {
    PARSE: "parse_log",
    SEQUENCES: "group_sequences",
    "split": "split_sequences",
    "templates": "mine_templates",
    "encode": "encode_sequences",
}
PEERS = {
    "scan_csv": ("reading only: polars.scan_csv", PARSE),
    "scan_lines": ("reading only: polars.scan_lines", PARSE),
    "drain3": ("drain3, line by line", WITH_DRAIN),
    "logparser": ("logparser3's Drain", WITH_DRAIN),
    "logparser_no_parameters": ("logparser3's Drain, no parameters", WITH_DRAIN),
    "pandas": ("pandas groupby", SEQUENCES),
}
"""What others do, and which of our rows it is compared with."""
REPEAT = (
    "scan_csv",
    PARSE,
    "scan_lines",
    "distinct",
    "drain3",
    "logparser",
    "logparser_no_parameters",
    SEQUENCES,
    "pandas",
    "split",
    "templates",
    "encode",
)
"""The order of work in each repeat."""
TABLE = (
    "scan_csv",
    "scan_lines",
    PARSE,
    WITH_DRAIN,
    "drain3",
    "logparser",
    "logparser_no_parameters",
    SEQUENCES,
    "pandas",
    "split",
    "templates",
    "encode",
)
"""The order of rows in the table."""
PARTS = ("train", "validation", "test")
MADE = ("lines", "messages", "rejects", "sequences", "split", "templates", "message-events", *PARTS)
"""The Parquet files of the stages."""
HEADINGS = ("", "lines", "seconds", "lines/s", "without start", "peak MB", "LogAssay : this", "without start")


@dataclass(frozen=True)
class Workload:
    """A log to work on.

    Attributes
    ----------
    name : str
        Name for people.
    format_name, entry : str, mapping
        Name and description of its line format.
    log : Path
        The file.
    lines : int
        Its lines.
    """

    name: str
    format_name: str
    entry: Mapping[str, Any]
    log: Path
    lines: int


@dataclass
class Measured:
    """What one kind of work took in every repeat.

    Attributes
    ----------
    lines : int
        Lines of the log that it did.
    seconds, work_seconds : list of float
        Of the whole process, and without getting ready (starting Python, imports).
    cpu_seconds, peak_mb : list of float
        Processor seconds of all threads, largest resident memory.
    """

    lines: int
    seconds: list[float] = field(default_factory=list)
    work_seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)

    def add(self, seconds: float, work_seconds: float, cpu_seconds: float, peak_mb: float) -> None:
        """Append one repeat."""
        self.seconds.append(seconds)
        self.work_seconds.append(work_seconds)
        self.cpu_seconds.append(cpu_seconds)
        self.peak_mb.append(peak_mb)


# ---------------------------------------------------------------------------------------------------------------------
# Logs to work on


def make_log(path: Path, format_name: str, lines: int, seed: int) -> None:
    """Write a made-up log of `lines` lines: HDFS from the project's simulator, or BGL."""
    if format_name == "bgl":
        simulate_bgl(path, lines=lines, seed=seed)
        return
    whole = path.with_suffix(".whole")
    ignored = [path.with_suffix(f".{kind}") for kind in ("labels", "kinds")]
    simulate(whole, *ignored, sessions=lines // 12 + 20, anomaly_share=0.04, seed=seed)  # about 13 lines a session
    written = copy_head(whole, path, lines)
    for each in (whole, *ignored):
        each.unlink()
    if written < lines:
        raise RuntimeError(f"the simulator wrote {written} lines, not {lines}")


def copy_head(log: Path, output: Path, lines: int) -> int:
    """Copy the first `lines` lines of a log; return how many there were."""
    written = 0
    with log.open("rb") as source, atomic_path(output) as temporary, temporary.open("wb") as target:
        for line in islice(source, lines):
            target.write(line)
            written += 1
    return written


VARIABLE = re.compile(
    r"(blk_-?[0-9]+|\b(?:0x)?(?=[0-9a-f]*[0-9])[0-9a-f]{8}\b|(?<![0-9A-Za-z_])[0-9]{2,}(?![0-9A-Za-z_]))"
)
"""What is drawn anew in each tile: blocks, words of eight hexadecimal digits, numbers."""


FRACTION = re.compile(r"(?<=\.)([0-9]{6})(?= )")
"""Microseconds of a header's time, which are drawn anew as well."""


def tile_log(sample: Path, output: Path, header: re.Pattern[str], lines: int, seed: int) -> None:
    """Repeat a log until it has `lines` lines, with fresh ids and numbers in the messages of every repetition.

    What is equal within the sample stays equal within a repetition, so that sessions keep their lines. Dates stay.
    """
    try:
        text = sample.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"{sample} cannot be read ({error.strerror}); name the folder of Loghub's samples.") from None
    pieces: list[str] = []
    variable: list[int] = []
    ends = []
    for line in text:
        found = header.match(line)
        begin = found.start("content") if found else 0
        for parts in (FRACTION.split(line[:begin]), VARIABLE.split(line[begin:] + "\n")):
            variable.extend(range(len(pieces) + 1, len(pieces) + len(parts), 2))
            pieces.extend(parts)
        ends.append(len(pieces))
    originals = [pieces[place] for place in variable]
    distinct = list(dict.fromkeys(originals))
    rng = random.Random(seed)
    with atomic_path(output) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for done in range(0, lines, len(text)):
            fresh = {original: redraw(original, rng) for original in distinct}
            for place, original in zip(variable, originals, strict=True):
                pieces[place] = fresh[original]
            stream.write("".join(pieces[: ends[min(len(text), lines - done) - 1]]))


def redraw(text: str, rng: random.Random) -> str:
    """Return another id or number of the same kind and length."""
    start = "blk_" if text.startswith("blk_") else "0x" if text.startswith("0x") else ""
    rest = text[len(start) :]
    if start == "blk_":
        return f"blk_{rng.randrange(-(2**63), 2**63)}"
    if start or not rest.isdigit():
        return f"{start}{rng.getrandbits(4 * len(rest)):0{len(rest)}x}"
    return str(rng.randrange(10 ** (len(rest) - 1), 10 ** len(rest)))


# ---------------------------------------------------------------------------------------------------------------------
# Work


def stage_commands(load: Workload, folder: Path, threads: int) -> dict[str, list[str]]:
    """Return the command line of each of our stages, which work in `folder`."""
    made = {name: folder / f"{name}.parquet" for name in MADE}
    reports = {stage: folder / f"{stage}.json" for stage in STAGES}
    options: dict[str, dict[str, Any]] = {
        PARSE: {
            "input": load.log,
            "format-name": load.format_name,
            "format": json.dumps(load.entry),
            "threads": threads,
            **{name: made[name] for name in ("lines", "messages", "rejects")},
        },
        SEQUENCES: {"lines": made["lines"], "by": "session", "output": made["sequences"]},
        "split": {
            "sequences": made["sequences"],
            "sequence-report": reports[SEQUENCES],
            "order": "chronological",
            **{"train": 0.5, "validation": 0.2, "test": 0.3},
            "seed": 1,
            "output": made["split"],
        },
        "templates": {name: made[name] for name in ("messages", "sequences", "split", "templates", "message-events")},
        "encode": {name: made[name] for name in ("sequences", "split", "message-events", "templates", *PARTS)},
    }
    return {
        stage: [sys.executable, str(SCRIPTS / f"{script}.py")]
        + [
            str(word)
            for key, value in (options[stage] | {"report": reports[stage]}).items()
            for word in (f"--{key}", value)
        ]
        for stage, script in STAGES.items()
    }


def peer_command(peer: str, load: Workload, source: Path, folder: Path) -> list[str]:
    """Return the command line of what others do; it writes its seconds to `<peer>.json`."""
    output = {"pandas": "pandas.parquet", "drain3": "drain3.npy", "distinct": "distinct.npy"}.get(peer, peer)
    words = ["--peer", peer, "--input", source, "--format-name", load.format_name, "--format", json.dumps(load.entry)]
    words += ["--output", folder / output, "--report", folder / f"{peer}.json"]
    return [sys.executable, str(SCRIPTS / "run_peer.py"), *map(str, words)]


def launch(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    """Run a command to its end and return what it took (see `bench_launch.py`).

    Raises
    ------
    RuntimeError
        If the command fails; with what it said.
    """
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("bench_launch.py"))]
    done = subprocess.run(
        [*launcher, *command], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    facts: dict[str, float] = json.loads(done.stdout) if done.returncode == 0 else {"exit_code": done.returncode}
    if facts["exit_code"]:
        raise RuntimeError(f"{Path(command[1]).name} failed ({facts['exit_code']:.0f}): {done.stderr[-2000:].strip()}")
    return facts


def start_seconds(
    load: Workload, folder: Path, *, runs: int, threads: int, environment: Mapping[str, str]
) -> dict[str, float]:
    """Return how long each stage takes on next to no lines: the time that does not grow with the log."""
    folder.mkdir()
    head = folder / "head.log"
    lines = copy_head(load.log, head, START_LINES)
    commands = stage_commands(Workload(load.name, load.format_name, load.entry, head, lines), folder, threads)
    taken = [
        {stage: launch(command, environment)["seconds"] for stage, command in commands.items()} for _ in range(runs)
    ]
    return {stage: min(run[stage] for run in taken) for stage in commands}


def measure(
    load: Workload, folder: Path, *, repeats: int, threads: int, logparser_lines: int, logparser_folder: Path
) -> dict[str, Any]:
    """Let our stages and their peers work on a log in turn.

    Parameters
    ----------
    load : Workload
        The log.
    folder : Path
        Where everything is written; it must exist.
    repeats : int
        How often the whole round is made.
    threads : int
        Threads of polars, ours and that of the peers.
    logparser_lines : int
        logparser3 gets the first so many lines only.
    logparser_folder : Path
        Where logparser3 is installed; its rows say so if it is not.

    Returns
    -------
    dict
        The rows of the table, and what the checks found.

    Raises
    ------
    RuntimeError
        If something that is compared does not do the same.
    """
    environment = {"POLARS_MAX_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    start = start_seconds(load, folder / "start", runs=repeats, threads=threads, environment=environment)
    head = folder / "head.log"
    head_lines = copy_head(load.log, head, logparser_lines)
    sources = {"pandas": folder / "lines.parquet", "distinct": folder / "messages.parquet"}
    logparser_there = (logparser_folder / "logparser").is_dir()
    measured: dict[str, Measured] = {}
    commands = stage_commands(load, folder, threads)
    checks: dict[str, Any] = {}
    for repeat in range(repeats):
        for name in cli.progress(REPEAT, f"{load.name}, repeat {repeat + 1} of {repeats}"):
            is_logparser = name.startswith("logparser")
            if is_logparser and not logparser_there:
                continue
            lines = head_lines if is_logparser else load.lines
            each = measured.setdefault(name, Measured(lines))
            if name in commands:
                took = launch(commands[name], environment)
                work = max(took["seconds"] - start[name], 0.0)
            else:
                source = head if is_logparser else sources.get(name, load.log)
                path = {"PYTHONPATH": str(logparser_folder)} if is_logparser else {}
                took = launch(peer_command(name, load, source, folder), environment | path)
                report = read_json(folder / f"{name}.json")
                work = report["work_seconds"]
                if name in ("scan_csv", "scan_lines", "drain3", "logparser") and report["count"] != lines:
                    raise RuntimeError(f"{name} found {report['count']} lines where there are {lines}")
            each.add(took["seconds"], work, took["cpu_seconds"], took["peak_mb"])
        if repeat == 0:
            checks = check_grouping(folder) | check_sessions(folder)
    measured[WITH_DRAIN] = together(measured[PARSE], measured.pop("distinct"))
    missing = {} if logparser_there else dict.fromkeys(
        ("logparser", "logparser_no_parameters"), "not installed: needs pip and a network, see envs/bench.txt"
    )  # fmt: skip
    return {"rows": rows(measured, missing), "checks": checks}


def together(parse: Measured, mining: Measured) -> Measured:
    """Return parsing with the mining of what it finds, in one process: only the work of the latter is added."""
    result = Measured(parse.lines)
    for number in range(len(parse.seconds)):
        more = mining.work_seconds[number]
        result.add(
            parse.seconds[number] + more,
            parse.work_seconds[number] + more,
            parse.cpu_seconds[number] + more,
            max(parse.peak_mb[number], mining.peak_mb[number]),
        )
    return result


def measure_growth(
    small: Workload, large: Workload, folder: Path, *, repeats: int, threads: int
) -> list[dict[str, Any]]:
    """Let parse and sequences work on a log and on one so many times as long, in turn."""
    environment = {"POLARS_MAX_THREADS": str(threads)}
    folder.mkdir()
    start = start_seconds(small, folder / "start", runs=repeats, threads=threads, environment=environment)
    taken: dict[str, dict[str, list[float]]] = {}
    peaks: dict[str, list[float]] = {}
    for _ in cli.progress(range(repeats), f"{small.name}, {large.lines:,} lines"):
        for size, load in (("small", small), ("large", large)):
            commands = stage_commands(load, folder, threads)
            for stage in (PARSE, SEQUENCES):
                took = launch(commands[stage], environment)
                taken.setdefault(stage, {}).setdefault(size, []).append(took["seconds"])
                if size == "large":
                    peaks.setdefault(stage, []).append(took["peak_mb"])
    return [
        {
            "stage": stage,
            "lines": small.lines,
            "more_lines": large.lines,
            "seconds": seconds["small"],
            "more_seconds": seconds["large"],
            "start_seconds": start[stage],
            "peak_mb": median(peaks[stage]),
            "times_as_long": spread(ratios(seconds["small"], seconds["large"])),
            "times_as_long_without_start": spread(
                ratios([s - start[stage] for s in seconds["small"]], [s - start[stage] for s in seconds["large"]])
            ),
        }
        for stage, seconds in taken.items()
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Does it do the same?


def same_partition(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> bool:
    """Tell whether two numberings put the same lines together, whatever the numbers."""
    if len(first) != len(second):
        return False
    pairs = np.unique(first.astype(np.int64) << 32 | second.astype(np.int64))
    return len(pairs) == len(np.unique(first)) == len(np.unique(second))


def is_lost(message: str, similarity: float) -> bool:
    """Tell whether drain3 never finds a masked message again: too few of its words are not placeholders.

    Placeholders do not count as equal words, so that such a message does not even resemble itself, and drain3 opens a
    template for every line that says it.
    """
    words = message.split()
    return sum(word != "<*>" for word in words) < similarity * len(words)


def check_grouping(folder: Path) -> dict[str, Any]:
    """Hold our clusters (of the line's masked message) against those of drain3, line by line."""
    message = pl.read_parquet(folder / "lines.parquet", columns=["message_id"])["message_id"].to_numpy()
    texts = pl.read_parquet(folder / "messages.parquet", columns=["message"])["message"]
    clusters = np.load(folder / "distinct.npy")
    theirs = np.load(folder / "drain3.npy")
    kept = ~np.array([is_lost(text, SIMILARITY) for text in texts])[message]
    if len(message) != len(theirs) or not same_partition(clusters[message][kept], theirs[kept]):
        raise RuntimeError("our pipeline and drain3 do not group the lines alike")
    return {
        "lines_grouped_as_by_drain3": int(kept.sum()),
        "lines_that_drain3_cannot_group": int((~kept).sum()),
        "distinct_messages": len(clusters),
        "templates": len(np.unique(clusters)),
    }


def check_sessions(folder: Path) -> dict[str, Any]:
    """Hold our sessions against those of pandas: ids, times, first lines, messages and gaps."""
    ours = pl.read_parquet(folder / "sequences.parquet")
    columns = ["id", "start", "end", "first_line", "message_ids", "gaps"]
    theirs = pl.read_parquet(folder / "pandas.parquet").select(columns).cast(ours.select(columns).schema)
    if not ours.select(columns).equals(theirs.sort("first_line", "id")):
        raise RuntimeError("our sessions and those of pandas are not the same")
    return {"sessions_as_by_pandas": ours.height}


# ---------------------------------------------------------------------------------------------------------------------
# Figures


def ratios(ours: Iterable[float], theirs: Iterable[float]) -> list[float]:
    """Return, repeat by repeat, how many times longer `theirs` took; without repeats in which ours took no time."""
    return [other / own for own, other in zip(ours, theirs, strict=True) if own > 0]


def spread(values: Sequence[float]) -> dict[str, Any] | None:
    """Return median, least and most of the repeats, and the repeats themselves; None if there are none."""
    if not values:
        return None
    return {"median": median(values), "least": min(values), "most": max(values), "repeats": list(values)}


def rows(measured: Mapping[str, Measured], missing: Mapping[str, str]) -> list[dict[str, Any]]:
    """Turn measurements into the rows of the table, in its order."""
    result: list[dict[str, Any]] = []
    for name in TABLE:
        title, against = PEERS.get(name, (f"LogAssay: {name}", None))
        if name in missing:
            result.append({"name": title, "missing": missing[name]})
            continue
        each = measured[name]
        seconds, work = median(each.seconds), median(each.work_seconds)
        row: dict[str, Any] = {
            "name": title,
            "lines": each.lines,
            "seconds": each.seconds,
            "work_seconds": each.work_seconds,
            "cpu_seconds": each.cpu_seconds,
            "peak_mb": max(each.peak_mb),
            "lines_per_second": each.lines / seconds,
            "lines_per_second_without_start": each.lines / work if work > 0 else None,
        }
        if against is not None:
            own = measured[against]
            row["compared_with"] = f"LogAssay: {against}"
            for key, mine, other in (
                ("times_faster", own.seconds, each.seconds),
                ("times_faster_without_start", own.work_seconds, each.work_seconds),
            ):
                row[key] = spread(ratios([s / own.lines for s in mine], [s / each.lines for s in other]))
        result.append(row)
    return result


def rate_text(rate: float | None) -> str:
    """Return lines a second for people: thousands with at least two digits."""
    if rate is None:
        return "-"
    return f"{rate / 1000:,.0f} k" if rate >= 10_000 else f"{rate / 1000:.1f} k"


def factor_text(found: Mapping[str, Any] | None) -> str:
    """Return a ratio for people, with its range over the repeats."""
    if found is None:
        return ""
    digits = 2 if found["median"] < 1 else 1
    if len(found["repeats"]) == 1:
        return f"{found['median']:.{digits}f}"
    return f"{found['median']:.{digits}f} ({found['least']:.{digits}f} to {found['most']:.{digits}f})"


def table(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the cells of the table under `HEADINGS`."""
    return [
        [row["name"], row["missing"], *[""] * (len(HEADINGS) - 2)]
        if "missing" in row
        else [
            row["name"],
            f"{row['lines']:,}",
            f"{median(row['seconds']):.2f}",
            rate_text(row["lines_per_second"]),
            rate_text(row["lines_per_second_without_start"]),
            f"{row['peak_mb']:,.0f}",
            factor_text(row.get("times_faster")),
            factor_text(row.get("times_faster_without_start")),
        ]
        for row in found
    ]


def sentences(workload: Mapping[str, Any]) -> list[str]:
    """Say in words what a workload was, what the checks found, and how time grows."""
    checks = workload["checks"]
    said = [
        f"{workload['lines']:,} lines, {workload['bytes'] / 1e6:,.0f} MB; "
        f"{workload['distinct_lines'] / workload['lines']:.1%} of the lines are distinct, and there are "
        f"{checks['distinct_messages']:,} masked messages and {checks['templates']:,} templates.",
        f"Checked: {checks['lines_grouped_as_by_drain3']:,} lines are grouped as drain3 groups them; "
        f"all {checks['sessions_as_by_pandas']:,} sessions are those of pandas.",
    ]
    if lost := checks["lines_that_drain3_cannot_group"]:
        said.append(
            f"The other {lost:,} lines say little but placeholders: drain3 gives each a template of its own, "
            "we one to those that say the same."
        )
    for each in workload["growth"]:
        said.append(
            f"{each['more_lines']:,} lines instead of {each['lines']:,}: {each['stage']} takes "
            f"{factor_text(each['times_as_long'])} times as long ({factor_text(each['times_as_long_without_start'])} "
            f"without start) and {each['peak_mb']:,.0f} MB."
        )
    return said


NOTE = (
    "Median of the repeats; ratios are taken within each repeat (range in brackets), peaks are the largest. "
    "`Without start` leaves out starting Python and imports, on both sides. "
    "`Parse + Drain` also mines the distinct masked messages; drain3 and logparser3 get each line, and "
    "they have the same header, masks and settings. The last two columns divide LogAssay's lines a second by those of "
    "the row: `parse` is compared with reading, `parse + Drain` with miners, `sequences` with pandas."
)


def about_text(about: Mapping[str, Any]) -> str:
    """Say when, where and with what was measured."""
    machine = about["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    said = (
        f"{about['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB; "
        f"{about['threads']} threads, {about['repeats']} repeats; {versions}."
    )
    if about["load_before"] > machine["cores"] / 2:
        said += f" The machine was busy (load {about['load_before']:.1f}): trust nothing but the ratios."
    return said


def markdown(result: Mapping[str, Any]) -> str:
    """Return all tables as Markdown."""
    lines = [about_text(result), "", NOTE]
    for workload in result["workloads"]:
        lines += ["", f"**{workload['name']}**: {' '.join(sentences(workload))}", ""]
        lines += [f"| {' | '.join(HEADINGS)} |", "|---" + "|--:" * (len(HEADINGS) - 1) + "|"]
        lines += [f"| {' | '.join(cells)} |" for cells in table(workload["rows"])]
    return "\n".join(lines) + "\n"


def machine() -> dict[str, Any]:
    """Return the kind of machine: processor, cores that we may use, memory; nothing that names it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cpu = found[1].strip() if found else platform.processor() or platform.machine()
    return {"cpu": cpu, "cores": cores, "memory_gb": memory, "system": platform.system()}


def versions(logparser_folder: Path) -> dict[str, str | None]:
    """Return the versions of what was measured."""
    found: dict[str, str | None] = {"Python": platform.python_version()}
    found |= {package: metadata.version(package) for package in PACKAGES}
    installed = {each.metadata["Name"]: each.version for each in metadata.distributions(path=[str(logparser_folder)])}
    return found | {"logparser3": installed.get("logparser3")}


def bench(
    formats: Mapping[str, Any],
    folder: Path,
    *,
    lines: int,
    repeats: int,
    threads: int,
    seed: int,
    workloads: Sequence[str],
    logparser_lines: int,
    logparser_folder: Path,
    real: Path | None,
    large: bool,
) -> dict[str, Any]:
    """Measure all stages and their peers on an HDFS-like and a BGL-like log.

    Parameters
    ----------
    formats : mapping
        The entries of config/formats.yaml.
    folder : Path
        An empty folder to work in.
    lines, repeats, threads, seed : int
        Lines of each log, rounds, threads of polars, seed of the logs.
    workloads : sequence of str
        Names of line formats: those of `SAMPLES`.
    logparser_lines : int
        logparser3 gets the first so many lines only.
    logparser_folder : Path
        Where logparser3 is installed.
    real : Path or None
        Folder of Loghub's samples, to tile instead of simulating.
    large : bool
        Whether to measure how time grows with ten times as many lines.

    Returns
    -------
    dict
        Everything that was measured, ready for JSON.
    """
    result: dict[str, Any] = {
        "schema_version": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "load_before": os.getloadavg()[0],
        "versions": versions(logparser_folder),
        "threads": threads,
        "repeats": repeats,
        "seed": seed,
        "workloads": [],
    }
    for format_name in workloads:
        system = SAMPLES[format_name]
        place = folder / format_name
        place.mkdir()
        fmt = LineFormat.from_dict(format_name, formats[format_name])

        def load(count: int, place: Path = place, fmt: LineFormat = fmt, system: str = system) -> Workload:
            log = place / f"{count}.log"
            if real is None:
                make_log(log, fmt.name, count, seed)
            else:
                tile_log(real / system / f"{system}_2k.log", log, python_header(fmt), count, seed)
            name = f"{system}-like" if real is None else f"{system}, tiled from Loghub's sample"
            return Workload(name, fmt.name, formats[fmt.name], log, count)

        small = load(lines)
        found = {
            "name": small.name,
            "lines": lines,
            "bytes": small.log.stat().st_size,
            "distinct_lines": pl.scan_lines(small.log).select(pl.col("line").n_unique()).collect().item(),
            **measure(
                small,
                place,
                repeats=repeats,
                threads=threads,
                logparser_lines=logparser_lines,
                logparser_folder=logparser_folder,
            ),
            "growth": measure_growth(small, load(GROWTH * lines), place / "growth", repeats=repeats, threads=threads)
            if large
            else [],
        }
        result["workloads"].append(found)
    return result
