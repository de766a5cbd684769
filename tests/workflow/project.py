"""A copy of the project in an empty folder, and Snakemake run in it as a user would."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]

STUDY: dict[str, Any] = {
    "study": {
        "name": "tiny",
        "datasets": ["simulated"],
        "sample_sizes": [200],
        "models": ["deeplog", "logbert-small", "flag-all", "new-event", "isolation-forest"],
        "epochs": 2,
        "anomaly_ratios": [0.02],
    },
    "evaluation": {"pseudo": {"sessions": 50}},
    "datasets": {"simulated": {"source": {"simulate": {"sessions": 600}}}},
}


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` laid over it at every depth."""
    result = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if nested else value
    return result


class Project:
    """A checkout with a study of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("workflow", "config", "scripts", "envs"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Snakefile", root)

    def snakemake(self, *options: str, study: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on a study; standard output and error come back as one text."""
        (self.root / "study.yaml").write_text(yaml.safe_dump(study or STUDY))
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "study.yaml", *options]
        return subprocess.run(
            command,
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=600,
        )

    def build(self, study: dict[str, Any] | None = None) -> str:
        """Run a study to its end."""
        done = self.snakemake(study=study)
        assert done.returncode == 0, done.stdout[-5000:]
        return done.stdout

    def stale(self, changes: dict[str, Any] | None = None) -> set[str]:
        """Name the jobs that a changed study would run: the last folders of each job's log file."""
        done = self.snakemake("--dry-run", "--printshellcmds", study=merged(STUDY, changes or {}))
        assert done.returncode == 0, done.stdout[-5000:]
        logs = re.findall(r"--log results/logs/(\S+)\.log", done.stdout)
        assert len(logs) == len(set(logs))
        counted = re.search(r"^total +(\d+)$", done.stdout, re.MULTILINE)
        # The target rule `all` counts as a job, but runs nothing.
        assert len(logs) == (int(counted[1]) - 1 if counted else 0), done.stdout[-3000:]
        return {re.sub(r"^(?:dataset|grouping|split|seed)=.*?(?=(?:size=|[^/=]+$))", "", log) for log in logs}
