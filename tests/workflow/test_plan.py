"""Large studies are planned in seconds."""

import os
import re
import resource

from tests.workflow.project import STUDY, Project, merged

LARGE = {
    "study": {
        "seeds": [1, 2, 3, 4, 5],
        "sample_sizes": [100, 200, 400],
        "models": ["deeplog", "loganomaly", "logrobust", "flag-all", "new-event", "length"],
        "epochs": 8,
    }
}
MOST_SECONDS = 15
"""Of processor time, for a study of at least 2,000 jobs."""


def test_a_study_of_two_thousand_jobs_is_planned_in_seconds(project: Project) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # In an environment of its own it is a child of this process, whose time is known.
    done = project.snakemake("--dry-run", "--quiet", "rules", study=merged(STUDY, LARGE), env=dict(os.environ))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout[-3000:]
    jobs = re.search(r"^total +(\d+)$", done.stdout, re.MULTILINE)
    assert jobs is not None
    assert int(jobs[1]) >= 2_000
    # Processor time, since others may be using the machine; planning is a single thread.
    assert 1 < after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_SECONDS
