"""Two tiny studies that together have every rule: of a simulated log in chunks, and of data from elsewhere."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

from logassay.simulate import simulate
from tests.workflow.project import merged

SMALL: dict[str, Any] = {
    "study": {"models": ["new-event"], "protocols": ["labelled"], "sample_sizes": [100], "anomaly_ratios": [0.02]},
    "evaluation": {"pseudo": {"sessions": 20}},
    "report": {"languages": ["en"]},
}

CHUNKS = merged(
    SMALL,
    {
        "study": {
            "name": "chunks",
            "datasets": ["simulated"],
            "models": ["deeplog-values", "new-event"],
            "epochs": 2,
            "protocols": ["labelled", "pseudo", "prevalence"],
        },
        "datasets": {"simulated": {"source": {"simulate": {"sessions": 300}}}},
        "compute": {"parse_chunks": 2, "model_threads": 1},
        "tune": {"models": ["deeplog-values"], "trials": 2, "epochs": 1, "space": {"batch_size": {"choices": [64]}}},
    },
)
"""Every rule but those that fetch, and the one that parses in one piece."""


def elsewhere(folder: Path) -> dict[str, Any]:
    """Put an archive with a log and its labels, and ready-made sequences, into `folder`; return a study of both."""
    folder.mkdir(parents=True, exist_ok=True)
    log, labels = folder / "HDFS.log", folder / "labels.csv"
    simulate(log, labels, folder / "kinds.csv", sessions=300, anomaly_share=0.05, seed=3)
    archive = folder / "HDFS_v1.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(log, "HDFS.log")
        packed.write(labels, "preprocessed/anomaly_label.csv")
    rows = ["id,events,label"]
    for number in range(300):
        events = " ".join(str(1 + number % step) for step in (2, 3, 5))
        rows.append(f"s{number},{events},{'Anomaly' if number % 9 == 8 else 'Normal'}")
    (folder / "sessions.csv").write_text("\n".join(rows) + "\n")
    fetched = {"url": archive.as_uri(), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(), "md5": None}
    sessions = {"file": str(folder / "sessions.csv"), "events": "events", "key": "id", "label": "label"}
    return merged(
        SMALL,
        {
            "study": {"name": "elsewhere", "datasets": ["hdfs_v1", "ready"]},
            "datasets": {"hdfs_v1": {"source": fetched}, "ready": {"source": {"sessions": [sessions]}}},
        },
    )
