"""Versions that a result records: those of what made it, not of what is installed beside."""

import json
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def test_versions_are_of_packages_that_the_process_uses() -> None:
    code = "import json, polars; from logassay.versions import versions; print(json.dumps(versions()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "python": platform.python_version(),
        "torch": None,
        "scikit-learn": None,
        "polars": metadata.version("polars"),
        "numpy": None,
    }
