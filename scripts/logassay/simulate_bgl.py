"""Made-up logs in the line format of BGL, to measure parsing with: many shapes of lines, few of them common.

The messages are inventions in the manner of a supercomputer's event log: register dumps with bare hexadecimal words,
numbered core files, addresses, places, paths and counts, drawn anew for every line. Nothing is meant by their order.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from logassay import cli
from logassay.errors import UserError
from logassay.files import atomic_path

LINES_PER_SLICE = 1 << 17
START = 1_118_000_000  # seconds since 1970: June 2005
SECONDS_BETWEEN_LINES = 4.0
DRAWS = 6
"""Random numbers of a line; the fields of its message are made of them."""


class Shape(NamedTuple):
    """A kind of line: how often it is written relative to others, by whom, and what it says (fields of `KINDS`)."""

    weight: float
    alert: str  # "-" on lines that mean no harm
    component: str
    level: str
    text: str


def _shapes() -> list[Shape]:
    kernel = ("-", "KERNEL", "INFO")
    fatal = ("-", "KERNEL", "FATAL")
    common = [
        Shape(38.0, *kernel, "generating core.{number:0}"),
        Shape(10.5, *kernel, "iar {hex:0} dear {hex:1}"),
        Shape(6.0, *kernel, "{count:0} floating point alignment exceptions"),
        Shape(5.5, *kernel, "{count:0} double-word alignment exceptions"),
        Shape(4.6, *kernel, "CE sym {small:0}, at 0x{hex:1}, mask 0x{byte:2}"),
        Shape(3.6, *kernel, "{count:0} microseconds was the longest wait in an input interrupt"),
        Shape(3.2, "KERNTLB", "KERNEL", "FATAL", "translation miss on data access"),
        Shape(2.5, *kernel, "{count:0} microseconds spent in {count:1} calls of the error handler; longest {count:2}"),
        Shape(2.2, *kernel, "parity error in instruction cache corrected"),
        Shape(1.6, "KERNSTOR", "KERNEL", "FATAL", "data storage fault"),
        Shape(1.5, *kernel, "ciod: wrote {small:0} core files for program {path:1}"),
        Shape(1.1, *fatal, "instruction address: 0x{hex:0}"),
        Shape(1.0, "APPLOAD", "APP", "FATAL", "ciod: cannot load {path:0}: not a program image, {cause:1}"),
        Shape(0.9, "APPREAD", "APP", "FATAL", "ciod: no message prefix on stream to {address:0}: {cause:1}"),
        Shape(0.9, "-", "APP", "FATAL", "ciod: LOGIN chdir({path:0}) failed: {cause:1}"),
        Shape(
            0.8,
            *kernel,
            "{count:0} L{bit:1} EDRAM error(s) (dcr 0x{short:2}) found and corrected over {count:3} seconds",
        ),
        Shape(0.7, *kernel, "{count:0} ddr errors corrected on rank {bit:1}, symbol {small:2}, bit {small:3}"),
        Shape(0.6, "-", "MMCS", "INFO", "ciodb has been restarted on {place:0} by uid {number:1}"),
        Shape(0.5, "-", "DISCOVERY", "WARNING", "node card at {place:0} (serial {mac:1}) answers after {count:2} ms"),
        Shape(0.5, "-", "LINKCARD", "INFO", "{place:0} port {small:1}: {count:2} packets, {count:3} resent"),
        Shape(0.4, "KERNMNT", "KERNEL", "FATAL", "file system mount failed: ionode{small:0}:{path:1}: {cause:2}"),
        Shape(0.4, *fatal, "machine check: status 0x{hex:0} iar 0x{hex:1} lr 0x{hex:2}"),
        Shape(0.3, "-", "MONITOR", "FAILURE", "fan {small:0} of {place:1}: {count:2} rpm, wanted {count:3}"),
        Shape(
            0.3, "-", "HARDWARE", "SEVERE", "{place:0} lost contact: heartbeat {count:1} of {count:2} from {address:3}"
        ),
        Shape(0.3, "-", "BGLMASTER", "FAILURE", "mmcs_server exited with code {small:0}, see {path:1}"),
    ]
    dumps = [
        Shape(0.005, *fatal, f"{register}=0x{{hex:0}} {{hex:1}} {{hex:2}} {{hex:3}}")
        for register in [f"fpr{number}" for number in range(0, 32, 2)]
    ]
    pairs = [Shape(0.10, *fatal, f"r{number:02}={{word:0}} r{number + 1:02}={{word:1}}") for number in range(0, 32, 2)]
    special = [
        Shape(0.15, *fatal, f"{name} register: 0x{{hex:0}}")
        for name in (
            "link", "count", "condition", "exception", "fixed-point status", "machine state", "core setup",
            "debug control", "debug status", "timer control", "data address", "process id",
        )
    ]  # fmt: skip
    flags = [
        Shape(0.06, *fatal, f"{name:.<40}{{bit:0}}")
        for name in (
            "illegal opcode", "privileged opcode", "trap taken", "imprecise fault", "floating compare", "float enabled",
            "wait enabled", "external input enabled", "critical input enabled", "problem state", "byte order",
            "store operation", "icache read parity", "dcache read parity", "dcache flush parity", "tlb parity",
            "bus read error", "bus write error", "auxiliary unit fault", "debug event", "watchdog reset",
            "guard touched", "decrementer fault", "summary bit", "write barrier", "prefetch depth",
        )
    ]  # fmt: skip
    links = [
        Shape(0.08, *kernel, f"torus {way} {axis}{sign} pipe error(s) (dcr 0x{{short:0}}) corrected: {{count:1}}")
        for way in ("sender", "receiver")
        for axis in "xyz"
        for sign in "+-"
    ]
    trees = [
        Shape(0.05, "-", "LINKCARD", "ERROR", f"tree receiver {port} in re-synch at {{place:0}}, event {{count:1}}")
        for port in ("up", "left", "right")
    ]
    power = [
        Shape(0.04, "-", "MONITOR", "FAILURE", f"{place} module {{small:0}} {what}: {{decimal:1}} at {{place:2}}")
        for place in ("power", "clock", "link")
        for what in ("over temperature", "under voltage", "out of range")
    ]
    return [*common, *dumps, *pairs, *special, *flags, *links, *trees, *power]


SHAPES = _shapes()

CAUSES = pl.Series(["No such file or directory", "Permission denied", "Link has been severed", "Connection timed out"])
WORDS = pl.Series(
    ["apps", "scale", "raptor", "mini", "sweep", "flash", "home", "test", "bench", "trace", "linear", "fft"]
)
HEX = {digits: pl.Series([f"{number:0{digits}x}" for number in range(16**digits)]) for digits in (1, 2, 4)}
CARDS = pl.Series(list("0123456789ABCDEF"))


def _hex(number: pl.Expr, digits: int) -> pl.Expr:
    return pl.lit(HEX[digits]).gather(number.cast(pl.Int64) % 16**digits)


def _of(series: pl.Series, number: pl.Expr) -> pl.Expr:
    return pl.lit(series).gather(number.cast(pl.Int64) % len(series))


def _place(number: pl.Expr) -> pl.Expr:
    """Return the place of a node card: rack, midplane, card."""
    return pl.format("R{}{}-M{}-N{}", number % 8, number // 8 % 8, number // 64 % 2, _of(CARDS, number // 128))


def _word(number: pl.Expr) -> pl.Expr:
    """Return a register of 32 bits in eight hexadecimal digits."""
    return _hex(number // 65_536, 4) + _hex(number, 4)


def _kinds(number: pl.Expr) -> dict[str, pl.Expr]:
    """Return what can be made of a random number of 32 bits."""
    share = number.cast(pl.Float64) / 2**32
    digits = pl.concat_str([_hex(number // 16 ** (2 * byte), 2).str.to_uppercase() for byte in range(3)], separator=":")
    folder = pl.format("/{}/{}", _of(WORDS, number), _of(WORDS, number // 16))
    return {
        "bit": number % 2,
        "small": number % 64,
        "number": number % 65_000 + 1,
        "count": (share * 16).exp().cast(pl.Int64),
        "decimal": pl.format("{}.{}", number % 90 + 10, number // 128 % 100),
        "hex": _word(number),
        "word": pl.format("0x{}", _word(number)),
        "byte": _hex(number, 2),
        "short": _hex(number, 4),
        "place": _place(number),
        "address": pl.format("172.16.{}.{}:{}", number // 64 % 256, number // 65_536 % 256, number % 40_000 + 1024),
        "mac": pl.lit("00:14:5E:") + digits,
        "path": pl.format("/bgl{}/run_{}/{}.rts", folder, number % 100_000, _of(WORDS, number // 4096)),
        "cause": _of(CAUSES, number),
    }  # fmt: skip


KINDS = [_kinds(pl.col(f"draw{number}")) for number in range(DRAWS)]
FIELD = re.compile(r"\{([a-z]+):([0-9])\}")


def _format(text: str) -> pl.Expr:
    """Turn a text with fields such as {hex:2}, a kind and the number of its draw, into an expression."""
    fields = [KINDS[int(draw)][kind] for kind, draw in FIELD.findall(text)]
    return pl.format(FIELD.sub("{}", text), *fields) if fields else pl.lit(text)


def _slice(rng: np.random.Generator, begin: int) -> tuple[pl.DataFrame, int]:
    """Draw a slice of the log that begins at `begin` (microseconds since 1970); return it with its end."""
    weights = np.array([shape.weight for shape in SHAPES])
    gaps = rng.exponential(SECONDS_BETWEEN_LINES * 1e6, LINES_PER_SLICE).astype(np.int64) + 1
    times = begin + np.cumsum(gaps)
    # A few nodes write most of the lines.
    node = (65_536 * rng.random(LINES_PER_SLICE) ** 4).astype(np.uint32) * np.uint32(40_503) % np.uint32(65_536)
    draws = {f"draw{number}": rng.integers(0, 2**32, LINES_PER_SLICE, dtype=np.uint32) for number in range(DRAWS)}
    shape = rng.choice(len(SHAPES), LINES_PER_SLICE, p=weights / weights.sum()).astype(np.uint8)
    return pl.DataFrame({"micros": times, "node": node, "shape": shape, **draws}), int(times[-1])


def _render(lines: pl.DataFrame) -> pl.DataFrame:
    """Turn the columns of `_slice` into the text of the log, one row a line."""
    time = pl.from_epoch("micros", time_unit="us")
    processor = pl.format(
        "-C:J{}-U{}1", (pl.col("node") // 2048 % 16 + 2).cast(pl.String).str.zfill(2), pl.col("node") % 2
    )
    lines = lines.with_columns(pl.col(f"draw{number}").cast(pl.Int64) for number in range(DRAWS)).select(
        "shape",
        pl.format("{} {}", pl.col("micros") // 1_000_000, time.dt.strftime("%Y.%m.%d")).alias("day"),
        (_place(pl.col("node")) + processor).alias("node"),
        time.dt.strftime("%Y-%m-%d-%H.%M.%S.%6f").alias("time"),
        pl.selectors.starts_with("draw"),
        row=pl.int_range(pl.len()),
    )
    parts = []
    for (number,), part in lines.partition_by("shape", as_dict=True).items():
        shape = SHAPES[number]
        who = f"RAS {shape.component} {shape.level}"
        text = pl.format(
            f"{shape.alert} {{}} {{}} {{}} {{}} {who} {{}}", "day", "node", "time", "node", _format(shape.text)
        )
        parts.append(part.select("row", text=text))
    return pl.concat(parts).sort("row").select("text")


def simulate_bgl(path: Path, *, lines: int, seed: int) -> None:
    """Write a log of `lines` lines in the format of BGL.

    Parameters
    ----------
    path : Path
        File to write.
    lines : int
        Number of lines.
    seed : int
        The same seed gives the same bytes; more lines with the same seed begin with the same lines.

    Raises
    ------
    UserError
        If there are to be no lines.
    """
    if lines < 1:
        raise UserError(f"lines is {lines}; simulate at least 1.")
    begin = START * 1_000_000
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        for done in cli.progress(range(0, lines, LINES_PER_SLICE), "Simulating"):
            drawn, begin = _slice(np.random.default_rng([seed, done // LINES_PER_SLICE]), begin)
            _render(drawn.head(lines - done)).write_csv(stream, include_header=False, quote_style="never")
