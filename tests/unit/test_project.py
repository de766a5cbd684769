"""The project's own consistency: one version of every dependency, a reference in step with the schema."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {"Snakefile", "workflow", "config", "scripts", "envs", "results", "tests"}
METADATA = {"README.md", "pyproject.toml", "Makefile", "requirements.lock", "LICENSE", "CITATION.cff", "CHANGELOG.md"}


def pins(lines: list[str]) -> dict[str, str]:
    """Name and version of every `name==version`, names normalised as PyPI does."""
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {re.sub(r"[-_.]+", "-", name.strip()).lower(): version.strip() for name, version in pairs}


LOCK = pins((ROOT / "requirements.lock").read_text().splitlines())


def test_direct_dependencies_agree_with_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = pins(project["dependencies"] + project["optional-dependencies"]["dev"])
    assert len(direct) == len(project["dependencies"]) + len(project["optional-dependencies"]["dev"])
    assert direct == {name: LOCK.get(name) for name in direct}


def test_environments_agree_with_the_lock() -> None:
    environments = sorted((ROOT / "envs").glob("*.yaml"))
    assert len(environments) == 4
    for path in environments:
        dependencies = yaml.safe_load(path.read_text())["dependencies"]
        packages = dependencies[-1]["pip"]
        pinned = pins(packages)
        assert len(pinned) == len(packages), f"{path.name} has a package without a version"
        assert pinned == {name: LOCK.get(name) for name in pinned}, path.name


def test_every_rule_has_an_environment_that_exists() -> None:
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for name in re.findall(r'"\.\./\.\./envs/(\w+\.yaml)"', path.read_text()):
            assert (ROOT / "envs" / name).is_file(), f"{path.name} names {name}"


NAMES = {"sklearn": "scikit-learn", "yaml": "pyyaml", "imblearn": "imbalanced-learn", "vl_convert": "vl-convert-python"}
"""Packages whose modules have another name."""
ELSEWHERE = {"tqdm", "markupsafe"}
"""What only terminals need, and what comes with Jinja."""


def imports_of(module: str, seen: set[str]) -> set[str]:
    """The packages from outside that a module of the library needs, with all that it imports."""
    path = ROOT / "scripts" / (module.replace(".", "/") + ".py")
    path = path if path.is_file() else ROOT / "scripts" / module.replace(".", "/") / "__init__.py"
    if module in seen or not path.is_file():
        return set()
    seen.add(module)
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            top = name.split(".")[0]
            if top == "logassay":
                found |= imports_of(name, seen)
            elif top not in sys.stdlib_module_names:
                found.add(NAMES.get(top, top).replace("_", "-").lower())
    return found


def test_every_rule_finds_what_it_imports_in_its_environment() -> None:
    models = sorted((ROOT / "scripts/logassay/models").glob("*.py"))
    checked = 0
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"^(?:use )?rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            script, environment = re.search(r'script\("(\w+)\.py"\)', rule), re.search(r'envs/(\w+\.yaml)"', rule)
            if not script or not environment:
                continue
            seen: set[str] = set()
            needed = imports_of(script[1], seen)
            if "model_code" in rule:  # any model of its kind may run there
                needed |= set().union(*(imports_of(f"logassay.models.{each.stem}", seen) for each in models))
            packages = pins(yaml.safe_load((ROOT / "envs" / environment[1]).read_text())["dependencies"][-1]["pip"])
            assert needed - set(packages) - ELSEWHERE <= set(), f"{path.name}, {script[1]}: {needed - set(packages)}"
            checked += 1
    assert checked >= 15


def test_the_option_reference_is_in_step_with_the_schema() -> None:
    schema, readme = ROOT / "workflow/schemas/config.schema.yaml", ROOT / "config/README.md"
    command = [sys.executable, ROOT / "scripts/describe_options.py", "--check", "--schema", schema, "--readme", readme]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_top_level_holds_nothing_but_the_house_and_metadata() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    top = {name.split("/")[0] for name in tracked if name}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL | METADATA


def test_every_script_explains_itself() -> None:
    scripts = sorted((ROOT / "scripts").glob("*.py"))
    assert len(scripts) >= 15
    for path in scripts:
        done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{path.name}: {done.stderr}"
        options = re.findall(r"^  (--[\w-]+.*(?:\n {4,}\S.*)*)", done.stdout, re.MULTILINE)
        assert options, path.name
        # Help stands behind two spaces on the option's line, or on the next one.
        assert all(re.search(r"\S {2,}\S|\n {10,}\S", option) for option in options), (
            f"{path.name} has an option without help"
        )
        assert len(done.stdout.split("options:")[0].split(path.name)[-1].strip()) > 40, (
            f"{path.name} does not say what it does"
        )


def test_scripts_that_need_no_torch_do_not_import_it() -> None:
    """Importing torch takes seconds, and a change of thresholds must not need it at all."""
    with_torch = {"train_epoch", "score_sequences", "evaluate", "bench_models"}
    for path in sorted((ROOT / "scripts").glob("*.py")):
        code = (
            f"import sys; sys.path.insert(0, {str(path.parent)!r}); import {path.stem}; print('torch' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        if path.stem not in with_torch:
            assert done.stdout.strip() == "False", f"{path.name} imports torch"
