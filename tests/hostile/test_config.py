"""Study files that no one should run unread: what they can be kept from doing, they are."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from logassay import settings
from logassay.errors import UserError
from tests.hostile.conftest import Run, refused
from tests.workflow.project import STUDY, Project, merged

LISTS = "[x, x, x, x, x, x, x, x, x]"
MAPPINGS = "{a: x, b: x, c: x, d: x, e: x, f: x, g: x, h: x, i: x}"


def bomb(leaf: str, levels: int = 9) -> str:
    """Lines whose last one stands for 9^levels values."""
    lines = [f"  l0: &l0 {leaf}"]
    for level in range(1, levels):
        lines.append(f"  l{level}: &l{level} {leaf.replace('x', f'*l{level - 1}')}")
    return "\n".join(lines)


def plan(project: Project, text: str) -> str:
    """Let Snakemake plan a study file as it stands; it must be refused without a traceback."""
    (project.root / "hostile.yaml").write_text(text)
    done = project.snakemake("--dry-run", "--configfile", "hostile.yaml")  # in place of the one before
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert not list(project.root.rglob("owned*"))
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("hostile") / "project")


def test_tags_of_python_are_refused(project: Project) -> None:
    said = plan(project, "study: {name: !!python/object/apply:os.system ['touch owned']}\n")
    assert "Config file is not valid JSON or YAML" in said


def test_a_bomb_of_aliases_is_refused(project: Project) -> None:
    said = plan(project, f"report:\n{bomb(LISTS)}\n")
    assert "The configuration holds more than 100,000 values, as a file does whose aliases (*name) repeat" in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("study: !!python/object/apply:os.system ['touch owned']", "is not valid YAML"),
        ("study: !!python/name:os.system", "is not valid YAML"),
        (f"study:\n{bomb(LISTS)}", "holds more than 100,000 values"),
        (f"study:\n{bomb(MAPPINGS)}", "holds more than 100,000 values"),
        ("study: &all {name: x, inner: *all}", "holds more than 100,000 values"),
        ("a: " + "[" * 1500, "nested too deeply"),
        ("a: 2024-99-99", "is not valid YAML"),
        ("a: \x1b[31m", "is not valid YAML"),
    ],
)
def test_our_own_reader_refuses_the_same(tmp_path: Path, text: str, told: str) -> None:
    schema = Path(settings.__file__).resolve().parents[2] / "workflow/schemas/config.schema.yaml"
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=told):
        settings.sections(tmp_path / "a.yaml", schema, ["evaluation"])


def test_the_program_says_it_in_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"study:\n{bomb(MAPPINGS)}\n")
    options = ["--checkpoint", "a.npz", "--validation-data", tmp_path, "--config", tmp_path / "a.yaml"]
    assert "holds more than 100,000 values" in refused(run("evaluate.py", *options))


def own(path: Path | str, **changes: Any) -> dict[str, Any]:
    study = {"datasets": ["own"], "models": ["new-event"], "protocols": ["pseudo"]}
    return merged(
        STUDY, {"study": study, "datasets": {"own": {"format": "hdfs", "source": {"file": str(path)}}}} | changes
    )


COMMAND = "$(touch owned)"
NAMES: list[tuple[dict[str, Any], str]] = [
    ({"study": {"name": "../../owned"}}, "may hold only|is wrong"),
    ({"study": {"name": "/owned"}}, "may hold only|is wrong"),
    ({"study": {"name": f"a{COMMAND}"}}, "may hold only|is wrong"),
    ({"study": {"name": "a\n"}}, "may hold only|is wrong"),
    ({"datasets": {"../owned": {"source": {"simulate": {}}}}}, "may hold only"),
    ({"datasets": {"a;touch owned": {"source": {"simulate": {}}}}}, "may hold only"),
    ({"datasets": {"a\n": {"source": {"simulate": {}}}}}, "may hold only"),
    ({"models": {f"a{COMMAND}": {"module": "deeplog"}}}, "may hold only"),
    ({"models": {"a": {"module": "../../../owned"}}}, "models.a.module"),
    ({"models": {"a": {"module": f"../models/deeplog{COMMAND}"}}}, "models.a.module"),
    ({"formats": {"a b": {"plain": True}}}, "may hold only"),
    ({"datasets": {"a": {"source": {"url": "http://x", "sha256": "0" * 64 + "\n"}}}}, "sha256"),
]


@pytest.mark.parametrize(("changes", "told"), NAMES)
def test_names_that_lead_elsewhere_or_that_a_shell_would_run_are_refused(changes: dict[str, Any], told: str) -> None:
    root = Path(settings.__file__).resolve().parents[2]
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    config = merged(merged(settings.project_config(root / "config"), STUDY), changes)
    with pytest.raises(UserError, match=told):
        settings.validate(config, schema)


@pytest.mark.parametrize("kind", ["pipe", "device", "braces", "newline", "among others"])
def test_a_log_that_is_no_file_or_that_snakemake_would_misread_is_refused(tmp_path: Path, kind: str) -> None:
    root = Path(settings.__file__).resolve().parents[2]
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    path: Path | str = tmp_path / {"braces": "{dataset}.log", "newline": "a\nb.log"}.get(kind, "a.log")
    told = "has a brace or a control character in it"
    if kind in ("pipe", "among others"):
        os.mkfifo(path)
        (tmp_path / "b.log").write_text("a line\n")
        path, told = (tmp_path / "*.log" if kind == "among others" else path), "is a device or a pipe"
    elif kind == "device":
        path, told = "/dev/zero", "is a device or a pipe"
    else:
        Path(path).write_text("a line\n")
    config = merged(settings.project_config(root / "config"), own(path))
    with pytest.raises(UserError, match=told):
        settings.validate(config, schema)


def test_paths_that_look_like_options_are_paths(project: Project) -> None:
    (project.root / "--log=owned").write_text("081109 203518 143 INFO dfs.A: Receiving block blk_-1\n" * 3)
    done = project.snakemake("--dry-run", "--printshellcmds", study=own("--log=owned"))
    assert done.returncode == 0, done.stdout[-2000:]
    assert "--input './--log=owned'" in done.stdout or "--input ./--log=owned" in done.stdout
