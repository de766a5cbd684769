"""Complete the conda environments: below the packages that rules import, write all that these need, as the lock has it.

An environment is installed from its own file alone (Snakemake copies that file elsewhere, and into containers), so the
file names every package. What a package needs is asked of the package itself: the lock has to be installed where this
runs. With --check the files are only compared.
"""

import argparse
import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from logassay import cli
from logassay.errors import UserError
from logassay.files import write_text

BELOW = "      # And what these need, from requirements.lock (make environments):\n"
PACKAGE = re.compile(r"^      - (?P<name>[\w.-]+)==\S+$", re.MULTILINE)


def locked(lock: Path) -> dict[str, str]:
    """Return the version of each package of the lock by its normalised name."""
    lines = (line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def needed(direct: set[str], versions: dict[str, str]) -> set[str]:
    """Return the packages in `direct` and all that they need on this system, by normalised names.

    Raises
    ------
    UserError
        If a package is missing from the lock, or is not installed as the lock says.
    """
    found: set[str] = set()
    queue = [Requirement(name) for name in sorted(direct)]
    seen = set()
    while queue:
        wanted = queue.pop()
        name = canonicalize_name(wanted.name)
        if name not in versions:
            raise UserError(f"{name} is not in the lock; add it to pyproject.toml and run `make lock`.")
        found.add(name)
        extras = {"", *wanted.extras}
        if (name, *sorted(extras)) in seen:
            continue
        seen.add((name, *sorted(extras)))
        installed = metadata.distribution(name)
        if installed.version.split("+")[0] != versions[name]:
            raise UserError(f"{name} {installed.version} is installed here, the lock says {versions[name]}.")
        for line in installed.requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
                queue.append(requirement)
    return found


def completed(text: str, versions: dict[str, str]) -> str:
    """Return the text of an environment file with the pins of the lock and with all that its packages need."""
    direct: set[str] = {canonicalize_name(match["name"]) for match in PACKAGE.finditer(text.split(BELOW)[0])}

    def pins(names: set[str]) -> str:
        return "".join(f"      - {name}=={versions[name]}\n" for name in sorted(names))

    whole = needed(direct, versions)
    head = text.split("  - pip:\n")[0]
    return f"{head}  - pip:\n{pins(direct)}{BELOW}{pins(whole - direct)}"


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--lock", type=Path, required=True, help="requirements.lock")
    parser.add_argument("--environments", type=Path, nargs="+", required=True, help="conda environments, YAML")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if a file is out of step")
    return parser


def run(args: argparse.Namespace) -> None:
    """Complete or compare the environments."""
    versions = locked(args.lock)
    for path in args.environments:
        text = path.read_text(encoding="utf-8")
        wanted = completed(text, versions)
        if not args.check:
            write_text(path, wanted)
        elif wanted != text:
            raise UserError(f"{path} is out of step with {args.lock}; run `make environments`.")


if __name__ == "__main__":
    cli.main(arguments(), run)
