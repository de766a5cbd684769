"""The project's own consistency: one version of every dependency, a reference in step with the schema."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
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


ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


def packages_of(environment: Path) -> list[str]:
    """The packages that pip installs in a conda environment."""
    found: list[str] = yaml.safe_load(environment.read_text())["dependencies"][-1]["pip"]
    return found


def test_environments_agree_with_the_lock() -> None:
    for path in ENVIRONMENTS:
        pinned = pins(packages_of(path))
        assert len(pinned) == len(packages_of(path)), f"{path.name} has a package without a version"
        assert pinned == {name: LOCK.get(name) for name in pinned}, path.name


def test_environments_pin_all_that_their_packages_need() -> None:
    script = ROOT / "scripts/pin_environments.py"
    command = [sys.executable, script, "--check", "--lock", ROOT / "requirements.lock", "--environments", *ENVIRONMENTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_environments_ask_conda_for_python_and_pip_alone() -> None:
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    for path in ENVIRONMENTS:
        python, pip, packages = yaml.safe_load(path.read_text())["dependencies"]
        assert python == f"python={oldest}"
        assert re.fullmatch(r"pip=\d+\.\d+", pip)
        assert set(packages) == {"pip"}
    # Beside such a file Snakemake installs from it alone, without the packages of pip.
    assert list((ROOT / "envs").glob("*.pin.txt")) == []


NAMES = {"sklearn": "scikit-learn", "yaml": "pyyaml", "imblearn": "imbalanced-learn", "vl_convert": "vl-convert-python"}
"""Packages whose modules have another name."""
BESIDE = {"tabulate": {"wcwidth"}}
"""What packages use where it is installed, with another result: without it Korean columns are out of line."""


@cache
def named_in(path: Path) -> frozenset[str]:
    """All that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def imports_of(module: str, seen: set[str]) -> set[str]:
    """The packages from outside that a module of the library needs, with all that it imports."""
    path = ROOT / "scripts" / (module.replace(".", "/") + ".py")
    path = path if path.is_file() else ROOT / "scripts" / module.replace(".", "/") / "__init__.py"
    if module in seen or not path.is_file():
        return set()
    seen.add(module)
    found: set[str] = set()
    for name in named_in(path):
        top = name.split(".")[0]
        if top == "logassay":
            found |= imports_of(name, seen)
        elif top not in sys.stdlib_module_names:
            package = NAMES.get(top, top).replace("_", "-").lower()
            found |= {package, *BESIDE.get(package, ())}
    return found


def rules() -> dict[str, str]:
    """The text of every rule by its name; of one that changes another, with the other's text below its own."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        # What stands before the first rule comes first.
        for text in re.split(r"^ *(?=(?:use )?rule )", path.read_text(), flags=re.MULTILINE)[1:]:
            head = re.match(r"(?:use rule (\w+) as|rule) (\w+)", text)
            assert head is not None
            found[head[2]] = text + found.get(head[1], "")
    return found


def modules_of(folder: str) -> set[str]:
    """The modules in a folder of the library, of which a rule imports those that the configuration names."""
    return {f"logassay.{folder}.{path.stem}" for path in (ROOT / "scripts/logassay" / folder).glob("*.py")}


def test_environments_hold_what_the_rules_import_and_nothing_else() -> None:
    needed: dict[str, set[str]] = {path.name: set() for path in ENVIRONMENTS}
    checked = 0
    for name, text in rules().items():
        script, environment = re.search(r'script\("(\w+)\.py"\)', text), re.search(r'"\.\./\.\./envs/(\S+)"', text)
        if "shell:" not in text:
            continue
        assert script is not None, name
        assert environment is not None, f"{name} would run in whatever environment is active"
        imported = imports_of(script[1], set())
        chosen = modules_of("models") if "model_code" in text else modules_of("miners") if "miner" in text else set()
        for found in (imports_of(module, set()) for module in chosen):
            # Models without torch are fitted in an environment of their own.
            if name != "fit_baseline" or "torch" not in found:
                imported |= found
        if name == "fit_baseline":
            imported.discard("torch")
        needed[environment[1]] |= imported
        checked += 1
    assert checked >= 25
    for path in ENVIRONMENTS:
        direct = path.read_text().split("# And what these need")[0]
        assert set(re.findall(r"^      - (\S+)==", direct, re.MULTILINE)) == needed[path.name], path.name


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
    names = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert with_torch < names
    # One after the other in one process: the first that imports it is named.
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
for name in {sorted(names - with_torch)}:
    __import__(name)
    assert "torch" not in sys.modules, f"{{name}}.py imports torch"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
