"""The one exception that is meant for the person at the keyboard, and how foreign text becomes fit for a terminal."""

import errno
import os
import re

LESS_MEMORY = (
    "lower compute.memory_mb (for reading logs, grouping and encoding), study.sample_sizes or the model's batch_size, "
    "or run fewer jobs at a time (--cores)"
)


class UserError(Exception):
    """A mistake that the user can mend.

    The message is one sentence that names the key or file and the remedy. Scripts print it without a
    traceback and exit with code 2.
    """


NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NOT_WRITABLE = (errno.EROFS, errno.EACCES)


def limit_of_machine(error: Exception) -> str | None:
    """Return what a person can do about an error by which the machine says that it has no more, or None for others.

    Libraries have kinds of errors of their own for that; those in other languages give the system's number in words.
    """
    said = str(error)
    number = re.search(r"\(os error (\d+)\)", said)
    code = int(number[1]) if number else getattr(error, "errno", None)
    path = next(iter(getattr(error, "__notes__", [])), None) or getattr(error, "filename", None) or "A file"
    if code in NO_ROOM:
        return f"{path} cannot be written, as no space is left on the disk; make room there and run Snakemake again."
    if code in NOT_WRITABLE and (code == errno.EROFS or hasattr(error, "__notes__")):
        return f"{path} cannot be written ({os.strerror(code)}); make its folder writable and run Snakemake again."
    if isinstance(error, MemoryError) or re.search("allocate memory|out of memory", said, re.IGNORECASE):
        return f"There was not enough memory ({said.splitlines()[0] if said else 'none was left'}); {LESS_MEMORY}."
    return None


def harmless(text: str, characters: int | None = None, keep: str = "") -> str:
    """Return (the start of) a text with everything escaped that is not printed as it is, such as a terminal's commands.

    Parameters
    ----------
    text : str
        Anything: from a log, an archive, a path, or a server.
    characters : int, optional
        How many of its characters to show at most.
    keep : str
        Characters that stay although they are not printed, for example a newline.
    """
    cut = text if characters is None or len(text) <= characters else text[:characters] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in cut)
