"""A stand-in for the command `conda`, which is not to be had from where these tests get their packages.

It answers what Snakemake asks of conda. Solving, linking and activation are done by py-rattler, the library of pixi;
packages come from a local channel in place of every public one. It is no conda: what passes was not tried with conda.
"""

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
from pathlib import Path

import yaml
from rattler import Channel, Gateway, MatchSpec, Subdir, VirtualPackage, install, solve
from rattler.shell import ActivationVariables, Shell, activate

ROOT = Path(os.environ["CONDA_STAND_IN"])
"""Folder of the stand-in: bin/ with `conda` and `activate`, channel/, and pkgs/ with unpacked packages."""


def create(file: Path, prefix: Path) -> None:
    """Create an environment from its file: packages from the channel, then those of its `pip:` section."""
    wanted = yaml.safe_load(file.read_text())["dependencies"]
    specs = [MatchSpec(entry) for entry in wanted if isinstance(entry, str)]
    asyncio.run(_link(specs, prefix))
    for packages in (entry["pip"] for entry in wanted if isinstance(entry, dict)):
        with tempfile.NamedTemporaryFile("w", dir=file.parent, suffix=".requirements.txt") as requirements:
            requirements.write("\n".join(packages))
            requirements.flush()
            # As conda calls it, so that relative paths and packages that are there already count as they do with conda.
            options = ["-U", "-r", requirements.name, "--exists-action=b"]
            subprocess.run([prefix / "bin/python", "-m", "pip", "install", *options], cwd=file.parent, check=True)


async def _link(specs: list[MatchSpec], prefix: Path) -> None:
    # Without the slash at its end the last part of the address would be lost.
    channel = Channel(f"{(ROOT / 'channel').as_uri()}/")
    records = await solve(
        [channel],
        specs,
        gateway=Gateway(cache_dir=ROOT / "repodata"),
        platforms=[Subdir.current(), Subdir("noarch")],
        virtual_packages=VirtualPackage.detect(),
    )
    await install(records, prefix, cache_dir=ROOT / "pkgs", show_progress=False)


def activation(prefix: Path) -> str:
    """Return shell commands that activate an environment.

    As with conda, its folder stands in PATH where that of the environment stood that was active before.
    """
    path = os.environ["PATH"].split(os.pathsep)
    active = str(Path(os.environ.get("CONDA_PREFIX", prefix), "bin"))
    place = path.index(active) if active in path else 0
    after = [folder for folder in path[place:] if folder != active]
    result = activate(prefix, ActivationVariables(current_path=after), Shell.bash)
    before = "".join(f"{folder}{os.pathsep}" for folder in path[:place])
    return f'{result.script}\nexport PATH="{before}$PATH"\n'


def main() -> None:
    """Answer one command."""
    parser = argparse.ArgumentParser(prog="conda", description=__doc__)
    parser.add_argument("--version", action="version", version="conda 24.7.1 (a stand-in)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info").add_argument("--json", action="store_true")
    settings = commands.add_parser("config")
    settings.add_argument("--get", choices=["channel_priority"])
    settings.add_argument("--json", action="store_true")
    cleaning = commands.add_parser("clean")
    environment = commands.add_parser("env").add_subparsers(required=True).add_parser("create")
    for option in ("--quiet", "--no-default-packages"):
        environment.add_argument(option, action="store_true")
    for option in ("--file", "--prefix"):
        environment.add_argument(option, type=Path)
    for option in ("-y", "--tarballs"):
        cleaning.add_argument(option, action="store_true")
    commands.add_parser("shell.posix").add_argument("call", nargs=2, metavar=("activate", "PREFIX"))
    args = parser.parse_args()
    if args.command == "info":
        print(json.dumps({"conda_prefix": str(ROOT), "platform": str(Subdir.current())}))
    elif args.command == "config":
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif args.command == "env":
        create(args.file, args.prefix)
    elif args.command == "shell.posix":
        print(activation(Path(args.call[1])))


if __name__ == "__main__":
    main()
