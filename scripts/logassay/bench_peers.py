"""What others would do instead of our stages: read with polars, mine with drain3 or logparser3, group with pandas.

Each peer gets ready (imports, patterns), and only then does the work that is timed. All miners get the same header,
masks and settings.
"""

import re
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from logassay.errors import UserError
from logassay.line_format import LineFormat
from logassay.miners import drain

Work = Callable[[Path, Path], int]
"""Reads one file, writes another if there is something to keep, and returns the number of lines or sessions."""

DEPTH, SIMILARITY, MAX_CHILDREN = 4, 0.4, 100
"""Settings of Drain for all miners: our defaults, and those of drain3."""

LOGPARSER_FORMATS = {
    "hdfs": "<Date> <Time> <Pid> <Level> <Component>: <Content>",
    "bgl": "<Label> <Timestamp> <Date> <Node> <Time> <NodeRepeat> <Type> <Component> <Level> <Content>",
}
"""The formats in the notation of logparser3."""


def python_header(fmt: LineFormat) -> re.Pattern[str]:
    """Return the header pattern of a format for Python's `re`."""
    if fmt.header is None:
        raise UserError(f"formats.{fmt.name} has no header pattern; only lines that have one can be compared.")
    return re.compile(fmt.header)


def python_masks(fmt: LineFormat) -> list[tuple[re.Pattern[str], str]]:
    """Return the masks of a format for Python's `re`, whose replacements are written in another way."""
    masks = []
    for pattern, replacement in fmt.masks:
        escaped = replacement.replace("\\", r"\\")
        groups = re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: rf"\g<{found[1] or found[2]}>", escaped)
        masks.append((re.compile(pattern), groups))
    return masks


def scan_csv(fmt: LineFormat) -> Work:
    """Read the lines as a CSV file of one column, with a separator that logs do not have."""
    import polars as pl

    def work(log: Path, output: Path) -> int:
        lines = pl.scan_csv(
            log, has_header=False, separator="\x01", quote_char=None, schema={"line": pl.String}, encoding="utf8-lossy"
        )
        return _touch(lines)

    return work


def scan_lines(fmt: LineFormat) -> Work:
    """Read the lines with polars' own reader of lines."""
    import polars as pl

    def work(log: Path, output: Path) -> int:
        return _touch(pl.scan_lines(log))

    return work


def _touch(lines: "pl.LazyFrame") -> int:  # type: ignore[name-defined]  # noqa: F821
    """Count the lines, and their characters lest the reader leaves the text alone."""
    import polars as pl

    count, _ = (
        lines.select(pl.len(), pl.col("line").str.len_bytes().sum().alias("bytes")).collect(engine="streaming").row(0)
    )
    return int(count)


def drain3(fmt: LineFormat) -> Work:
    """Feed drain3 with one masked line after the other; keep the cluster of each line."""
    from drain3.drain import Drain

    header, masks = python_header(fmt), python_masks(fmt)

    def work(log: Path, output: Path) -> int:
        tree = Drain(depth=DEPTH, sim_th=SIMILARITY, max_children=MAX_CHILDREN)
        clusters = array("i")
        with log.open(encoding="utf-8", errors="replace", newline="\n") as stream:
            for number, line in enumerate(stream, 1):
                found = header.match(line.rstrip("\r\n"))
                if found is None:
                    raise UserError(f"{log} line {number} is not in the format '{fmt.name}'; give another log.")
                message = found["content"]
                for pattern, replacement in masks:
                    message = pattern.sub(replacement, message)
                clusters.append(tree.add_log_message(message)[0].cluster_id)
        np.save(output, np.frombuffer(clusters, dtype=np.int32))
        return len(clusters)

    return work


def distinct(fmt: LineFormat) -> Work:
    """Mine as we do: the distinct masked messages of our parse stage, each once; keep the cluster of each message."""
    import polars as pl

    def work(messages: Path, output: Path) -> int:
        found = pl.read_parquet(messages, columns=["message", "lines"])
        texts, lines = found["message"].to_list(), found["lines"].to_list()
        mined = drain.mine(texts, lines, depth=DEPTH, similarity=SIMILARITY, max_children=MAX_CHILDREN)
        np.save(output, np.array(mined.groups, dtype=np.int32))
        return len(mined.groups)

    return work


def _logparser(fmt: LineFormat, parameters: bool) -> Work:
    from logparser.Drain import LogParser

    def work(log: Path, output: Path) -> int:
        parser = LogParser(
            LOGPARSER_FORMATS[fmt.name],
            indir=str(log.parent),
            outdir=str(output),
            depth=DEPTH,
            st=SIMILARITY,
            maxChild=MAX_CHILDREN,
            rex=[pattern.pattern for pattern, _ in python_masks(fmt)],
            keep_para=parameters,
        )
        parser.parse(log.name)
        return len(parser.df_log)

    return work


def logparser(fmt: LineFormat) -> Work:
    """Let logparser3's Drain parse the file with its own defaults: it also extracts each line's parameters."""
    return _logparser(fmt, parameters=True)


def logparser_no_parameters(fmt: LineFormat) -> Work:
    """Let logparser3's Drain parse the file without extracting parameters."""
    return _logparser(fmt, parameters=False)


def pandas(fmt: LineFormat) -> Work:
    """Group the lines of our parse stage into sessions with pandas."""
    import pandas as pd

    def work(lines: Path, output: Path) -> int:
        frame = pd.read_parquet(lines, columns=["line", "time", "keys", "message_id"])
        frame = frame.explode("keys").dropna(subset=["keys"])
        frame["gaps"] = frame.groupby("keys", sort=False)["time"].diff().dt.total_seconds().fillna(0).astype("float32")
        sessions = frame.groupby("keys", sort=False).agg(
            start=("time", "first"),
            end=("time", "last"),
            first_line=("line", "first"),
            message_ids=("message_id", list),
            gaps=("gaps", list),
        )
        sessions.rename_axis("id").reset_index().to_parquet(output, compression="zstd")
        return len(sessions)

    return work


PEERS: dict[str, Callable[[LineFormat], Work]] = {
    "scan_csv": scan_csv,
    "scan_lines": scan_lines,
    "drain3": drain3,
    "distinct": distinct,
    "logparser": logparser,
    "logparser_no_parameters": logparser_no_parameters,
    "pandas": pandas,
}
