"""Mining distinct masked messages groups lines as plain drain3 does when it is fed line by line."""

from pathlib import Path

import polars as pl
import pytest
import yaml
from drain3.drain import Drain

from logassay.template import DrainSettings, mine

FORMATS = yaml.safe_load((Path(__file__).resolve().parents[2] / "config/formats.yaml").read_text())["formats"]


@pytest.mark.parametrize("masks", ["hdfs", "bgl", None])
@pytest.mark.parametrize("system", ["HDFS", "BGL", "Thunderbird", "OpenStack", "Hadoop"])
def test_grouping_equals_plain_drain3(real_data: Path, system: str, masks: str | None) -> None:
    path = real_data / f"loghub_2k/{system}/{system}_2k.log_structured.csv"
    messages = pl.read_csv(path, infer_schema=False)["Content"]
    for mask in FORMATS[masks]["masks"] if masks else []:
        messages = messages.str.replace_all(mask["pattern"], mask["replacement"])
    plain = Drain(depth=4, sim_th=0.4, max_children=100)
    by_line = [plain.add_log_message(message)[0].cluster_id for message in messages]
    distinct = messages.unique(maintain_order=True)
    _, clusters = mine(distinct, DrainSettings())
    cluster_of = dict(zip(distinct, clusters, strict=True))
    by_message = [cluster_of[message] for message in messages]
    assert len(by_line) == 2000
    assert by_message == by_line
