"""`make container`: the definition of an image with all environments, checked for what it says; no image is built."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.project import ROOT, Project

ENVIRONMENTS = sorted(path.name for path in (ROOT / "envs").glob("*.yaml"))


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory: pytest.TempPathFactory, shell: dict[str, str]) -> Path:
    """The definition, made as a user makes it, with a stand-in for conda."""
    project = Project(tmp_path_factory.mktemp("container") / "project")
    shutil.copy(ROOT / "Makefile", project.root)
    # The environment is set up already.
    command = ["make", "--old-file=.ready", "container", f"BIN={Path(sys.executable).parent}", "VENV=."]
    (project.root / ".ready").touch()
    done = subprocess.run(command, cwd=project.root, env=shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return project.root / "results/Dockerfile"


def test_the_container_definition_is_sound(dockerfile: Path) -> None:
    linter = Path(sys.executable).parent / "hadolint"
    # The base image of Snakemake's choice has no fixed version.
    command = [linter, "--no-color", "--ignore", "DL3007", dockerfile]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr
    broken = dockerfile.with_name("broken")
    broken.write_text(dockerfile.read_text().replace("COPY envs/data.yaml", "COPIES envs/data.yaml"))
    assert subprocess.run([*command[:-1], broken], capture_output=True, check=False).returncode == 1


def test_the_container_gets_every_environment_with_its_pins(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    copied = dict(re.findall(r"^COPY envs/(\S+) (/conda-envs/\S+)$", text, re.MULTILINE))
    assert sorted(copied) == ENVIRONMENTS
    created = re.findall(r"conda env create --prefix (\S+) --file (\S+)", text)
    assert sorted(created) == sorted((place.removesuffix("/environment.yaml"), place) for place in copied.values())
    # The whole file is repeated in comments, and installed from as it is: no other file is named in it.
    for name in ENVIRONMENTS:
        lines = (ROOT / "envs" / name).read_text().strip().split("\n")
        assert "".join(f"#   {line}\n" for line in lines) in text
