"""What a run that failed says last: the sentences of its jobs, so that nobody has to search for them in the logs."""

import re
from collections.abc import Iterable
from pathlib import Path

from logassay.errors import LESS_MEMORY, harmless


def last_words(told: str, logs: Path, since: float) -> list[str]:
    """Return what the jobs that failed said last, and what Snakemake alone knows.

    Parameters
    ----------
    told : str
        What Snakemake said in this run.
    logs : Path
        Folder of the jobs' logs. What a cluster wrote about jobs (`slurm` in it) is left out: it repeats errors, also
        those of attempts that another one has made good.
    since : float
        When the run began, in seconds since 1970.

    Returns
    -------
    list of str
        Sentences, each once.
    """
    # With a cluster's own log behind the job's.
    lists = re.findall(r"^ +log: (.+) \(check log file", told, re.MULTILINE)
    failed = {path for paths in lists for path in paths.split(", ")}
    refused = re.findall(r"^Exception in run_job for rule \w+: .+", told, re.MULTILINE)
    said: list[str] = []
    wordless: list[Path] = []
    for path in sorted(logs.rglob("*.log")):
        new = path.stat().st_mtime >= since
        if path.is_relative_to(logs / "slurm") or not (new or str(path) in failed):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        errors = [line.split(" ERROR ", 1)[1] for line in text.split("\n") if " ERROR " in line][-1:]
        # A job that was ended before it had opened its log has an old one; so has one that was not even submitted.
        if str(path) in failed and not errors and (new or not refused):
            wordless.append(path)
        said += errors
    said += [f"A job could not be submitted. {words.partition(': ')[2]}" for words in refused]
    for path in _ended(wordless):
        said.append(f"The job of {path} was ended without a word; if that was for want of memory, {LESS_MEMORY}.")
    for name in re.findall(r"has older modification time .* than input (.+) \(\d", told):
        said.append(
            f"{name} is from the future: the clock was set back, or never right where it was made. Run Snakemake "
            "again, which gives results older times; a file of your own needs `touch` before."
        )
    return list(dict.fromkeys(map(harmless, said)))


def _ended(logs: Iterable[Path]) -> list[Path]:
    """Of the logs in one folder, keep the one written last: a chain of epochs fails as one, the finished ones too."""
    last: dict[Path, Path] = {}
    for path in sorted(logs, key=lambda each: each.stat().st_mtime_ns):
        last[path.parent] = path
    return sorted(last.values())
