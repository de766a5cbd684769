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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

from logassay.errors import NOT_WRITABLE

RUN = "LOGASSAY_RUN"
"""Environment variable by which a job knows the process that runs it, and that process's room of process numbers."""
GONE = 3
"""Exit code of a job whose run is gone."""
LEFTOVER = re.compile(r"\..+\.part")
"""Names of files and folders that are being written, see `files.atomic_path` and `files.scratch_folder`."""
PATIENCE = 1.0
"""Seconds to wait for who looks whether a run is at work, and for the last steps of a process that was killed."""


def begin(results: Path, locks: Path, *, main: bool) -> tuple[IO[bytes] | None, list[str]]:
    """Note that a run is at work on `results`, and if no other is, clear away what killed ones left there.

    The system forgets the note when the process ends, however that happens; a lock file of Snakemake's it does not. Not
    every file system tells one machine of the notes of others, so the file says in words which machines have been here:
    what one of them may still be at work on is left alone.

    Parameters
    ----------
    results : Path
        Folder of results.
    locks : Path
        Folder of Snakemake's lock files.
    main : bool
        Whether this process is a run of its own, and not a part of one, such as a job on another machine.

    Returns
    -------
    tuple
        The note, to be kept open for as long as the run lasts (None where the file system has no such notes, or cannot
        be written), and what was cleared away or was not, in sentences.
    """
    os.environ[RUN] = f"{os.getpid()}:{_room()}"
    said: list[str] = []
    try:
        note = _open(results / "cache" / "running")
        if main:
            if _alone(note, PATIENCE):
                said = _begin_alone(note, results, locks)
            else:
                said = [
                    "Another Snakemake, or a job of one that was killed, is at work in this folder; nothing is cleared."
                    " If the folder cannot be locked now: wait until that is over, or end it (on Slurm `scancel` its "
                    "jobs), then run `snakemake --unlock`."
                ]
        fcntl.flock(note, fcntl.LOCK_SH)
        if _here() not in _owners(note):
            with suppress(OSError):  # a full disk takes no line, but the note holds
                note.write(f"{' '.join(_here())}\n".encode())
    except OSError as error:
        if error.errno in NOT_WRITABLE:
            said = [f"{results} cannot be written ({error.strerror}); make it writable if a job is to run."]
        return None, said
    return note, said


def _open(path: Path) -> IO[bytes]:
    """Open the note, which all may write who may write in its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # NFS lends no shared note to who cannot read, and no other to who cannot write.
        note = path.open("a+b", buffering=0)
    except PermissionError:
        # A colleague's, from before: without a line of our own, but with the note.
        return path.open("rb", buffering=0)
    with suppress(OSError):
        path.chmod(path.parent.stat().st_mode & 0o666)
    return note


def _alone(note: IO[bytes], patience: float = 0.0) -> bool:
    """Try for some seconds to be the only one with a note; say whether this is so now."""
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
        time.sleep(0.05)


def end(note: IO[bytes], results: Path, *, chunks: bool) -> None:
    """Give the note back; before, if no other run is at work on `results`, remove what killed jobs of this one left.

    With `chunks`, those of logs that have been put together since go too: they are temporary, but a Snakemake that is
    killed between the end of the job that reads them and their removal forgets them.
    """
    with note:
        if not _alone(note):
            return
        _remove_leftovers(below(results, []), [])
        for report in results.glob("runs/*/parse_report.json") if chunks else ():
            for chunk in report.parent.glob("chunks/*.arrow"):
                with suppress(OSError):
                    if chunk.stat().st_mtime <= report.stat().st_mtime:
                        chunk.unlink()


def _begin_alone(note: IO[bytes], results: Path, locks: Path) -> list[str]:
    """Clear away what killed runs left, unless it may be that of a run that this machine would not know of."""
    host, boot = _here()
    # One kernel knows of all its notes; and of what ran before a machine was started anew, nothing runs.
    elsewhere = [name for name, start in _owners(note) if name != host and (not boot or start != boot)]
    if elsewhere and any(locks.glob("*.lock")):
        names = ", ".join(dict.fromkeys(elsewhere))
        return [
            f"This folder was last used on {names}, so nothing is cleared away; if no Snakemake and no job of one runs "
            "there any more (on Slurm `scancel` them), run `snakemake --unlock`, then this again."
        ]
    now = time.time()
    with suppress(OSError):
        note.truncate(0)
        # What time it is where the files lie.
        os.utime(note.fileno())
        now = os.fstat(note.fileno()).st_mtime
    return clear(results, locks, now)


def _here() -> tuple[str, str]:
    """Return the names of this machine and of the time since it was started; the latter is empty where it has none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return os.uname().nodename, boot


def _owners(note: IO[bytes]) -> list[tuple[str, str]]:
    """Return the machines that have been at work here since it was last known that none is."""
    note.seek(0)
    lines = note.read().decode(errors="replace").splitlines()
    return [(host, boot) for host, _, boot in (line.partition(" ") for line in lines)]


def clear(results: Path, locks: Path, now: float) -> list[str]:
    """Remove the locks and unfinished files of killed runs and let no file be from the future; say what was done.

    What cannot be removed or looked into, such as a colleague's file or a folder of the system's, is told and left.
    """
    said = []
    failed: list[str] = []
    stale = 0
    for lock in locks.glob("*.lock"):
        with _told(lock, failed):
            lock.unlink()
            stale += 1
    if stale:
        said.append("The last run was killed; its lock has been removed.")
    entries = list(below(results, failed))
    left = _remove_leftovers(entries, failed)
    if left:
        said.append(f"Unfinished files of jobs that were killed have been removed: {left}.")
    aged = make_past(_times(entries, failed), now, failed)
    if aged:
        said.append(f"The clock was set back: {aged} results had times in the future; they have older ones now.")
    if failed:
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        said.append(
            f"Left as it is, since it cannot be read or cleared away: {failed[0]}{more}; its owner can delete it."
        )
    return said


@contextmanager
def _told(path: Path | str, failed: list[str]) -> Iterator[None]:
    """Keep what went wrong with a path instead of raising it; that it is gone already is nothing."""
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        failed.append(f"{path} ({error.strerror})")


def below(folder: Path, failed: list[str]) -> Iterator[os.DirEntry[str]]:
    """Yield what is below a folder; not what is in a leftover, or in a folder that cannot be read."""
    entries: list[os.DirEntry[str]] = []
    with _told(folder, failed), os.scandir(folder) as found:
        entries.extend(found)
    for entry in entries:
        yield entry
        if entry.is_dir(follow_symlinks=False) and not LEFTOVER.fullmatch(entry.name):
            yield from below(Path(entry), failed)


def _remove_leftovers(entries: Iterable[os.DirEntry[str]], failed: list[str]) -> int:
    """Remove the unfinished files and folders among these; return their number."""
    left = 0
    for entry in entries:
        with _told(entry.path, failed):
            if LEFTOVER.fullmatch(entry.name):
                shutil.rmtree(entry) if entry.is_dir(follow_symlinks=False) else Path(entry).unlink()
                left += 1
    return left


def _times(entries: Iterable[os.DirEntry[str]], failed: list[str]) -> dict[Path, float]:
    """Return when each of these files was changed; folders and unfinished files are left out."""
    times: dict[Path, float] = {}
    for entry in entries:
        with _told(entry.path, failed):
            if not entry.is_dir(follow_symlinks=False) and not LEFTOVER.fullmatch(entry.name):
                times[Path(entry)] = entry.stat(follow_symlinks=False).st_mtime
    return times


def make_past(times: dict[Path, float], now: float, failed: list[str]) -> int:
    """Give files from the future times before all others, in the order they have; return their number.

    Whatever else is newer: with such times at most too much is made again, and nothing that is stale seems fresh.
    What went wrong is added to `failed`.
    """
    future = {path: when for path, when in times.items() if when > now}
    if not future:
        return 0
    latest = min((when for path, when in times.items() if path not in future), default=now) - 1
    shift = max(future.values()) - latest
    changed = 0
    for path, when in future.items():
        with _told(path, failed):
            os.utime(path, (when - shift, when - shift), follow_symlinks=False)
            changed += 1
    return changed


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
            _end()
        return
    threading.Thread(target=_wait_for_end, args=(run,), daemon=True).start()


def _wait_for_end(run: int) -> None:
    waiting = select.poll()
    waiting.register(run, select.POLLIN)
    waiting.poll()
    _end()


def _end() -> NoReturn:
    """End this process, whatever it is at; what is said waits for no lock of another thread's."""
    with suppress(OSError):
        os.write(2, b"error: this job ends, for the Snakemake that started it is gone; run Snakemake again.\n")
    os._exit(GONE)


def _room() -> str:
    """Return what tells apart machines' and containers' process numbers, where there is such a thing."""
    try:
        # A machine's own room has the same number on every machine.
        return f"{_here()[1]}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""
