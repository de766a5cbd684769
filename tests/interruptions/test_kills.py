"""kill -9 at random moments of a run, of each kind and in each rule; in the end nothing shows it.

LOGASSAY_KILLS is the number of kills, LOGASSAY_SEED the seed of their moments.
"""

import os
import re
import shutil
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tests.interruptions.killing import Kills, Run, jobs
from tests.interruptions.studies import CHUNKS, elsewhere
from tests.results_folder import digests
from tests.workflow.project import Project, merged

KILLS = int(os.environ.get("LOGASSAY_KILLS", "12"))
TARGETS = ("all", "tune_models")
"""Rules that are done when others are."""
SEED = int(os.environ.get("LOGASSAY_SEED", "1"))


def test_kills_leave_no_trace(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    results = project.root / "results"
    study = elsewhere(tmp_path / "input")
    if KILLS < 40:
        studies: list[tuple[dict[str, Any], tuple[str, ...]]] = [(merged(study, {"compute": {"parse_chunks": 2}}), ())]
    else:
        studies = [(CHUNKS, ("--", "all", "tune_models")), (study, ())]
    wanted: dict[str, str] = {}
    ends: list[dict[str, str]] = []
    seconds: list[dict[str, float]] = []
    for study, options in studies:
        seen: defaultdict[str, float] = defaultdict(float)
        # Chunks stay, to have something to compare those of killed runs with.
        run = Run(project, study, "--notemp", *options)
        run.watch(seen)
        assert run.end() == 0, run.said.read_text()[-5000:]
        wanted = digests(results)
        ends.append({name: digest for name, digest in wanted.items() if not name.endswith(".arrow")})
        jobs_of = Counter(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", run.said.read_text()))
        assert not seen.keys() - jobs_of.keys()
        seconds.append({rule: seen[rule] / number for rule, number in jobs_of.items() if rule not in TARGETS})
    kills = Kills(project, wanted, {}, KILLS, SEED)
    begin = time.monotonic()
    while kills.left:
        shutil.rmtree(results)
        shutil.rmtree(project.root / ".snakemake")
        for (study, options), end, each in zip(studies, ends, seconds, strict=True):
            kills.seconds = each
            kills.until_done(study, *options)
            kills.compare(end)
        assert not jobs(project.root.resolve())
    print(f"\n{KILLS} kills in {time.monotonic() - begin:.0f} s\n{kills.shown()}")
    assert sorted(set(kills.differences)) == []
    if KILLS >= 200:
        assert not {rule for each in seconds for rule in each} - kills.alive.keys()
