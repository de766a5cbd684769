"""Reading one of all lines that differ in digits only, on real logs: as if each were read."""

from pathlib import Path

import polars as pl
import pytest
import yaml
from drain3.drain import Drain

from logassay import lines as module
from logassay.line_format import LineFormat
from logassay.lines import Reader
from logassay.masks import is_blind

ROOT = Path(__file__).resolve().parents[2]
FORMATS = {
    name: LineFormat.from_dict(name, values)
    for name, values in yaml.safe_load((ROOT / "config" / "formats.yaml").read_text())["formats"].items()
}
LOGS = ["BGL", "HDFS", "Hadoop", "OpenStack", "Thunderbird"]


@pytest.mark.parametrize("log", LOGS)
def test_every_format_reads_every_line_the_same_both_ways(
    real_data: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (real_data / "loghub_2k" / log / f"{log}_2k.log").read_bytes()
    for fmt in FORMATS.values():
        monkeypatch.setattr(module, "FEW_DISTINCT", 1)
        short = Reader(fmt).read(data)
        monkeypatch.setattr(module, "FEW_DISTINCT", -1)
        long = Reader(fmt).read(data)
        assert short.messages == long.messages
        assert short.codes.tolist() == long.codes.tolist()
        assert short.parsed.equals(long.parsed)
        assert short.rejects.equals(long.rejects)


@pytest.mark.parametrize("log", LOGS)
def test_masks_that_are_blind_on_every_line(real_data: Path, log: str) -> None:
    text = (real_data / "loghub_2k" / log / f"{log}_2k.log").read_bytes().decode(errors="replace")
    lines = pl.Series(text.splitlines())
    squeezed = lines.str.replace_all("[0-9]+", "0")
    for pattern, replacement in {mask for fmt in FORMATS.values() for mask in fmt.masks}:
        if is_blind(pattern):
            masked = lines.str.replace_all(pattern, replacement).str.replace_all("[0-9]+", "0")
            expected = squeezed.str.replace_all(pattern, replacement).str.replace_all("[0-9]+", "0")
            assert masked.equals(expected), pattern


@pytest.mark.parametrize("log", LOGS)
def test_the_miner_sees_each_message_once_and_groups_as_if_it_saw_each_line(real_data: Path, log: str) -> None:
    data = (real_data / "loghub_2k" / log / f"{log}_2k.log").read_bytes()
    fmt = FORMATS[log.lower()]
    block = Reader(fmt).read(data)
    text = pl.Series(data.decode(errors="replace").split("\n")).str.strip_suffix("\r")
    fields = fmt.fields(text)
    fields = fields.filter(pl.col("content").is_not_null())
    line_by_line, once = Drain(), Drain()
    every = [line_by_line.add_log_message(message)[0].cluster_id for message in fmt.message(fields)]
    clusters = [once.add_log_message(message)[0].cluster_id for message in block.messages]
    assert len(every) == block.parsed.height
    assert every == [clusters[code] for code in block.codes]
