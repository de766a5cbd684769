"""The one exception that is meant for the person at the keyboard, and how foreign text becomes fit for a terminal."""


class UserError(Exception):
    """A mistake that the user can mend.

    The message is one sentence that names the key or file and the remedy. Scripts print it without a
    traceback and exit with code 2.
    """


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
