"""Kill a run again and again, at moments that reach each rule, and look at what lies there after each kill."""

import os
import random
import signal
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from tests.results_folder import digest, digests
from tests.workflow.project import PROCESSES, Project, run_snakemake

KINDS = ("everything", "snakemake", "one job")
"""What is killed: the whole process group; Snakemake, while its jobs live on; a job, while Snakemake lives on."""

RULES = {"extract_member": "extract_labels"}
"""Rules that have not the name of their script."""

PLANNING = "(planning)"
PAUSE = 0.01


def rule_of(command: list[str]) -> str:
    """Name the rule of a job by its command line."""
    script = next(Path(word).stem for word in command if word.startswith("scripts/"))
    if script == "train_epoch" and any(word.endswith(".npz") for word in command):
        return "fit_baseline"
    if script == "score_sequences" and "--mutated" in command:
        return "score_mutated"
    if script == "evaluate_scores":
        return f"evaluate_{command[command.index('--protocol') + 1]}"
    return RULES.get(script, script)


def jobs(root: Path) -> dict[int, str]:
    """The jobs that are alive below a folder: the rule of each process."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and process.joinpath("cwd").readlink() == root:
                command = process.joinpath("cmdline").read_text().split("\0")
                if command[0].endswith("python") and any(word.startswith("scripts/") for word in command):
                    found[int(process.name)] = rule_of(command)
        except OSError:
            continue
    return found


def run_in_group(*arguments: Any) -> None:
    """Run Snakemake in a process group of its own, as a terminal would."""
    os.setsid()
    run_snakemake(*arguments)


class Run:
    """Snakemake at work on a study."""

    def __init__(self, project: Project, study: dict[str, Any], *options: str) -> None:
        self.root = project.root.resolve()
        self.said = self.root / f"said-{study['study']['name']}.txt"
        settings = self.root / f"{study['study']['name']}.yaml"
        settings.write_text(yaml.safe_dump(study))
        arguments = ["--cores", "2", "--configfile", settings.name, "--nocolor", "--rerun-incomplete", *options]
        self.process = PROCESSES.Process(target=run_in_group, args=(arguments, self.root, dict(os.environ), self.said))
        self.process.start()

    @property
    def over(self) -> bool:
        return not self.process.is_alive()

    def end(self, seconds: float = 300) -> int:
        """Wait for the end and return the exit code."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, self.said.read_text()[-5000:]
        return self.process.exitcode

    def watch(self, seen: defaultdict[str, float]) -> None:
        """Wait for the end; count in `seen` the seconds that jobs of each rule were alive."""
        begin = time.monotonic()
        while not self.over:
            time.sleep(5 * PAUSE)
            now = time.monotonic()
            for rule in jobs(self.root).values():
                seen[rule] += now - begin
            begin = now

    def job(self, rule: str) -> int:
        """Wait for a job of a rule and return its process."""
        while True:
            found = [process for process, name in jobs(self.root).items() if name == rule]
            if found:
                return found[0]
            assert not self.over, self.said.read_text()[-5000:]
            time.sleep(PAUSE)

    def kill(self, kind: str) -> None:
        """Kill this run as a whole, or Snakemake alone."""
        if kind == "everything" and self.process.pid:
            with suppress(ProcessLookupError):  # it has no group of its own yet
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()


class Kills:
    """Kills of one study, each at a moment of a rule that has had fewer than others.

    Parameters
    ----------
    project : Project
        Where it runs.
    wanted : dict
        What each file's digest has to be, whenever it has its final name.
    seconds : dict
        How long jobs of each rule are alive in an undisturbed run.
    number : int
        Number of kills.
    seed : int
        Seed of the choices and of the moments.
    """

    def __init__(
        self, project: Project, wanted: dict[str, str], seconds: dict[str, float], number: int, seed: int
    ) -> None:
        self.project = project
        self.results = project.root / "results"
        self.wanted = wanted
        self.seconds = seconds
        self.left = number
        self.kinds = 0
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.alive: Counter[str] = Counter()
        self.table: Counter[tuple[str, str]] = Counter()
        self.differences: list[str] = []
        self._known: dict[tuple[str, int, int], str] = {}

    def until_done(self, study: dict[str, Any], *options: str) -> None:
        """Run a study from where it is to its end, with kills on the way while there are any left."""
        # The last ones are spread over the whole study, and first over what none has hit.
        order = self.random.sample(sorted(self.seconds), len(self.seconds))
        rules = set(sorted(order, key=lambda rule: self.alive[rule] > 0)[: self.left])
        while True:
            run = Run(self.project, study, "--retries", "3", *options)
            killed = False
            while not run.over and self.left and not killed:
                killed = self._one(run, rules)
                self._look()
            if not killed:
                if run.end() == 0:
                    return
                # A job that was killed too often; anything else is a fault.
                assert "SIGKILL" in run.said.read_text(), run.said.read_text()[-5000:]

    def _one(self, run: Run, rules: set[str]) -> bool:
        """Wait for a job of a rule with few kills, and for a moment of its life; kill. Tell if the run is dead."""
        kind = KINDS[self.kinds % len(KINDS)]
        if kind != "one job" and self.counts[PLANNING] * 12 <= sum(self.counts.values()):
            time.sleep(self.random.uniform(0, 1.5))
            rule = PLANNING
        else:
            passed: set[int] = set()
            while True:
                if run.over:
                    return False
                alive = jobs(run.root)
                new = {process: rule for process, rule in alive.items() if process not in passed}
                least = min(self.counts[rule] for rule in rules)
                aims = [(p, rule) for p, rule in new.items() if rule in rules]
                # Some pass, so that it is not always the first of several jobs; none of a rule that none has hit yet.
                chosen = [(p, rule) for p, rule in aims if not self.alive[rule]] or [
                    (p, rule) for p, rule in aims if self.counts[rule] <= least + 1 and self.random.random() < 0.7
                ]
                if chosen:
                    break
                passed |= new.keys()
                time.sleep(PAUSE)
            process, rule = self.random.choice(chosen)
            # A rule that none has hit is hit now; later ones also come in the moment after the end of the job.
            if self.alive[rule]:
                time.sleep(self.random.uniform(0, 1.2 * self.seconds[rule]))
        alive = jobs(run.root)
        if kind == "one job":
            if process not in alive:
                return False
            alive = {process: rule}
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                return False
        elif run.over:
            return False
        else:
            run.kill(kind)
        self.left -= 1
        self.kinds += 1
        self.counts[rule] += 1
        for each in set(alive.values()) or {PLANNING if rule == PLANNING else "(between jobs)"}:
            self.table[each, kind] += 1
            self.alive[each] += 1
        return kind != "one job"

    def _look(self) -> None:
        """Compare each file that has its final name with what it has to be."""
        # Not `rglob`, which fails when a folder goes while it looks: a living job has such folders.
        found = [Path(folder, name) for folder, _, names in os.walk(self.results) for name in names]
        for path in found:
            name = path.relative_to(self.results).as_posix()
            if name not in self.wanted:
                continue
            try:
                status = path.stat()
                key = (name, status.st_mtime_ns, status.st_ino)
                if key not in self._known:
                    self._known[key] = digest(path)
            except FileNotFoundError:  # a living Snakemake goes on
                continue
            except Exception as error:
                self.differences.append(f"{name} cannot be read after a kill: {error}")
                continue
            # A search keeps its trials in a file that grows, each time whole; at the end it is compared too.
            if self._known[key] != self.wanted[name] and "/kept/" not in name:
                self.differences.append(f"{name} differs after a kill")

    def compare(self, wanted: dict[str, str]) -> None:
        """Compare all results of a study that is done."""
        found = digests(self.results)
        for name in sorted(found.keys() | wanted.keys()):
            if found.get(name) != wanted.get(name):
                state = "is missing" if name not in found else "is left over" if name not in wanted else "differs"
                self.differences.append(f"{name} {state} at the end")

    def shown(self) -> str:
        """The kills as a table: what was alive, and what was killed."""
        lines = [f"{'alive':24}" + "".join(f"{kind:>14}" for kind in KINDS)]
        for rule in sorted({rule for rule, _ in self.table}):
            lines.append(f"{rule:24}" + "".join(f"{self.table[rule, kind]:14}" for kind in KINDS))
        return "\n".join(lines)
