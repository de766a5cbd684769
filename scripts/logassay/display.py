"""How numbers and foreign text are shown in tables and reports, the same everywhere."""

UNDEFINED = "-"
REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "://": "&colon;//", "www.": "www&period;"}
"""What stands for characters that Markdown would take for tags, and for those by which it knows an address."""


def printable(text: str) -> str:
    """Return `text` without control characters, which could steer a terminal or break a table."""
    return "".join(character if character.isprintable() else " " for character in text)


def escape_characters(text: str) -> str:
    """Return `text` such that Markdown takes none of its characters for markup, and no address in it for a link."""
    for characters, reference in REFERENCES.items():
        text = text.replace(characters, reference)
    return "".join(f"\\{character}" if character in r"\`*_{}[]|~#!$" else character for character in text)


def escape_markdown(text: str) -> str:
    """Return `text` such that Markdown shows it as it is, on one line, also inside a table."""
    return " ".join(printable(escape_characters(text)).split())


def percent(value: float | None) -> str:
    """Show a rate as the source documents do: 0.9585 -> 95.85%."""
    return UNDEFINED if value is None else f"{100 * value:.2f}%"


def decimal(value: float | None) -> str:
    """Show a number from 0 to 1 with four decimals."""
    return UNDEFINED if value is None else f"{value:.4f}"


def significant(value: float | None) -> str:
    """Show a loss or threshold with four significant digits."""
    return UNDEFINED if value is None else f"{value:.4g}"


def whole(value: int | None) -> str:
    """Show a count with thousands separators."""
    return UNDEFINED if value is None else f"{value:,}"
