"""What a killed run leaves is set right before the next one plans: its lock, unfinished files, jobs that live on.

And what a clock that was set back leaves: files from the future, which Snakemake takes for newer than all it makes now.
"""

import errno
import fcntl
import os
import re
import select
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from logassay.errors import NOT_WRITABLE

RUN = "LOGASSAY_RUN"
"""Environment variable by which a job knows the process that runs it, and that process's room of process numbers."""
GONE = 3
"""Exit code of a job whose run is gone."""
LEFTOVER = re.compile(r"\..+\.part")
"""Names of files and folders that are being written, see `files.atomic_path` and `files.scratch_folder`."""
SLACK = 60.0
"""Seconds by which the clocks of machines that share a disk may differ."""


def begin(results: Path, locks: Path, *, main: bool) -> tuple[IO[bytes] | None, list[str]]:
    """Note that a run is at work on `results`, and if no other is, clear away what killed ones left there.

    The system forgets the note when the process ends, however that happens; a lock file of Snakemake's it does not.

    Parameters
    ----------
    results : Path
        Folder of results.
    locks : Path
        Folder of Snakemake's lock files.
    main : bool
        Whether this process is a run of its own, and not a part of one on another machine.

    Returns
    -------
    tuple
        The note, to be kept open for as long as the run lasts (None where the file system has no such notes, or cannot
        be written), and what was cleared away, in sentences.
    """
    os.environ[RUN] = f"{os.getpid()}:{_room()}"
    said: list[str] = []
    try:
        path = results / "cache" / "running"
        path.parent.mkdir(parents=True, exist_ok=True)
        note = path.open("ab")
        if main:
            try:
                fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
                said = clear(results, locks)
            except BlockingIOError:
                said = ["Another Snakemake is at work in this folder; what both want to make, only one of them may."]
        fcntl.flock(note, fcntl.LOCK_SH)
    except OSError as error:
        if error.errno in NOT_WRITABLE:
            said = [f"{results} cannot be written ({error.strerror}); make it writable if a job is to run."]
        return None, said
    return note, said


def clear(results: Path, locks: Path) -> list[str]:
    """Remove the locks and unfinished files of killed runs and let no file be from the future; say what was done."""
    said = []
    stale = list(locks.glob("*.lock"))
    for lock in stale:
        lock.unlink(missing_ok=True)
    if stale:
        said.append("The last run was killed; its lock has been removed.")
    left = 0
    times: dict[Path, float] = {}
    for entry in _walk(results):
        if LEFTOVER.fullmatch(entry.name):
            left += 1
            shutil.rmtree(entry) if entry.is_dir() else Path(entry).unlink(missing_ok=True)
        elif not entry.is_dir():
            times[Path(entry)] = entry.stat(follow_symlinks=False).st_mtime
    if left:
        said.append(f"Unfinished files of jobs that were killed have been removed: {left}.")
    aged = make_past(times, time.time())
    if aged:
        said.append(f"The clock was set back: {aged} results had times in the future; they have older ones now.")
    return said


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is below a folder; not what is in a leftover."""
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False) and not LEFTOVER.fullmatch(entry.name):
                yield from _walk(Path(entry))


def make_past(times: dict[Path, float], now: float) -> int:
    """Give files from the future times before all others, in the order they have; return their number.

    Whatever else is newer: with such times at most too much is made again, and nothing that is stale seems fresh.
    """
    future = {path: when for path, when in times.items() if when > now + SLACK}
    if not future:
        return 0
    latest = min((when for path, when in times.items() if path not in future), default=now) - 1
    shift = max(future.values()) - latest
    for path, when in future.items():
        os.utime(path, (when - shift, when - shift), follow_symlinks=False)
    return len(future)


def end_with_run() -> None:
    """End this process as soon as the run that started it is gone, if a run did.

    A new run makes the same files, perhaps of other settings; a job that nobody waits for must not write them too.
    """
    number, _, room = os.environ.get(RUN, "").partition(":")
    if not number or room != _room() or not hasattr(os, "pidfd_open"):
        return
    try:
        run = os.pidfd_open(int(number))
    except OSError as error:
        if error.errno == errno.ESRCH:
            os._exit(GONE)
        return
    threading.Thread(target=_wait_for_end, args=(run,), daemon=True).start()


def _wait_for_end(run: int) -> None:
    waiting = select.poll()
    waiting.register(run, select.POLLIN)
    waiting.poll()
    os._exit(GONE)


def _room() -> str:
    """Return what tells apart machines' and containers' process numbers, where there is such a thing."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""
