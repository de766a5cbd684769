"""What all command-line programs share: the log file, the progress bar, and how a mistake is told."""

import argparse
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from logassay import resume
from logassay.errors import UserError, harmless, limit_of_machine

T = TypeVar("T")
log = logging.getLogger("logassay")


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that shows `description` as written and knows `--log`."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    result.add_argument(
        "--log", type=Path, metavar="FILE", help="write the log to this file as well as to the terminal"
    )
    return result


def json_value(text: str) -> Any:
    """Argparse type for an option whose value is JSON, for example `'{"folds": 5}'`."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON: {error}") from None


class Formatter(logging.Formatter):
    """Escapes in every record what a terminal could act upon: paths, lines of logs and words of servers are foreign."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, with newlines and tabs."""
        return harmless(super().format(record), keep="\n\t")


def main(arguments: argparse.ArgumentParser, run: Callable[[argparse.Namespace], None]) -> None:
    """Parse the command line, set up logging, call `run`, and turn errors into words and an exit code.

    Exit codes: 0 done, 1 a fault of the program (traceback in the log), 2 a mistake the user can mend.
    """
    args = arguments.parse_args()
    resume.end_with_run()
    formatter = Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    terminal = logging.StreamHandler(sys.stderr)
    # Snakemake shows what a job prints; only what needs a person goes there unless a person called us.
    terminal.setLevel(logging.INFO if sys.stderr.isatty() or args.log is None else logging.WARNING)
    handlers: list[logging.Handler] = [terminal]
    if args.log is not None:
        try:
            args.log.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(args.log, mode="w", encoding="utf-8"))
        except OSError as error:
            sys.exit(f"error: {args.log} cannot be written ({error.strerror}); make room there, or make it writable.")
    # On a full disk the log may end early, but what is said on the terminal is not to be lost among complaints of that.
    logging.raiseExceptions = False
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=handlers)
    if args.log is not None:
        log.info("%s %s", Path(sys.argv[0]).name, " ".join(sys.argv[1:]))
    try:
        run(args)
    except UserError as error:
        log.error("%s", error)
        sys.exit(2)
    except KeyboardInterrupt:
        log.error("interrupted")
        sys.exit(130)
    except Exception as error:
        sentence = limit_of_machine(error)
        log.error("%s", sentence or traceback.format_exc())
        sys.exit(2 if sentence else 1)


def progress(items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """Wrap `items` in a progress bar; silent when standard error is not a terminal."""
    from tqdm import tqdm

    return tqdm(items, desc=description, total=total, disable=not sys.stderr.isatty(), leave=False)
