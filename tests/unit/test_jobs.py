"""The jobs of the pipeline, run one after the other as Snakemake runs them: what they import, and what that costs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {"torch", "snakemake"}
"""What no job imports that trains no network."""
MOST_SECONDS = 1.5
"""Processor time of a job on next to nothing; half a second to a second where nothing else is running."""

RUNNER = """
import resource, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
used = resource.getrusage(resource.RUSAGE_SELF)
print("USED", used.ru_utime + used.ru_stime, *sorted({name.partition(".")[0] for name in sys.modules}))
"""

FORMAT = yaml.safe_load((ROOT / "config" / "formats.yaml").read_text())["formats"]["hdfs"]
RUN = {
    "dataset": "d",
    "grouping": "g",
    "split": "s",
    "seed": 1,
    "sample_size": 200,
    "model": "n-gram",
    "epoch": 1,
    "protocol": "labelled",
    "anomaly_ratio": None,
    "prevalence": None,
}

# Everything in one folder; the jobs in order.
COMMANDS = """
simulate_log.py --sessions 500 --output raw.log --labels labels.csv --kinds kinds.csv
parse_log.py --input raw.log --format-name hdfs --format FORMAT --lines lines.parquet --messages messages.parquet \
 --rejects rejects.parquet --report parse.json
group_sequences.py --lines lines.parquet --by session --labels labels.csv --kinds kinds.csv --output sequences.parquet \
 --report sequences.json
split_sequences.py --sequences sequences.parquet --sequence-report sequences.json --order chronological --train 0.5 \
 --validation 0.2 --test 0.3 --seed 1 --output split.parquet --report split.json
mine_templates.py --messages messages.parquet --sequences sequences.parquet --split split.parquet \
 --templates templates.parquet --message-events message_events.parquet --report templates.json
encode_sequences.py --sequences sequences.parquet --split split.parquet --message-events message_events.parquet \
 --templates templates.parquet --train train.parquet --validation validation.parquet --test test.parquet \
 --report encode.json
measure_overlap.py --train train.parquet --sample-size 200 --validation validation.parquet --test test.parquet \
 --output overlap.parquet --report overlap.json
train_epoch.py --module n-gram --variant v --train train.parquet --sample-size 200 --seed 1 --epoch 1 \
 --output epoch_1.npz --facts epoch_1.json
score_sequences.py --checkpoint epoch_1.npz --sequences validation=validation.parquet --sequences test=test.parquet \
 --output scores.parquet --facts scores.json
evaluate_scores.py --protocol labelled --scores scores.parquet --score-facts scores.json --training-facts epoch_1.json \
 --overlap overlap.parquet --run RUN --checkpoint epoch_1.npz --output-dir .
summarise_epochs.py --evaluations evaluation_results_epoch_1.json --output epochs.parquet --list evaluations.json
""".replace("\\\n", "")


def test_jobs_without_a_network_start_fast_and_import_no_torch(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "OMP_NUM_THREADS": "1"}
    slow = {}
    for command in COMMANDS.strip().splitlines():
        name, *arguments = command.split()
        values = {"FORMAT": json.dumps(FORMAT), "RUN": json.dumps(RUN)}
        line = [sys.executable, "-c", RUNNER, str(ROOT / "scripts" / name), *(values.get(a, a) for a in arguments)]
        job = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert job.returncode == 0, f"{name}: {job.stderr}"
        found = re.search(r"^USED (\S+) (.*)$", job.stdout, re.MULTILINE)
        assert found is not None, job.stdout
        assert not FORBIDDEN & set(found[2].split()), name
        print(f"{name:22} {float(found[1]):.2f} s")
        if float(found[1]) > MOST_SECONDS:
            slow[name] = found[1]
    assert not slow
