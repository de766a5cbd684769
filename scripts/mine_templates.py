"""Mine templates from the messages of the training split, then freeze them.

Every message of the log gets the event id of its template. Messages that fit none of the training split are grouped
into further templates, which are marked as not in training: no model knows them.
"""

import argparse
from pathlib import Path

from logassay import cli, miners, template


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--messages", type=Path, required=True, help="messages.parquet of the parse stage")
    parser.add_argument("--sequences", type=Path, required=True, help="sequences.parquet of the sequence stage")
    parser.add_argument("--split", type=Path, required=True, help="split.parquet of the split stage")
    parser.add_argument(
        "--miner",
        choices=["none", *miners.names()],
        default="drain",
        help="method; none makes every masked message a template, as for sequences with event ids (default: drain)",
    )
    parser.add_argument(
        "--settings",
        type=cli.json_value,
        default={},
        help='settings of the miner as JSON, for example {"similarity": 0.5}; those left out have their defaults',
    )
    parser.add_argument(
        "--fit-on",
        choices=["train", "all"],
        default="train",
        help="let the miner see the training split only, or all messages as the literature does (default: train)",
    )
    parser.add_argument("--templates", type=Path, required=True, help="output: event ids and templates, Parquet")
    parser.add_argument("--message-events", type=Path, required=True, help="output: event id per message, Parquet")
    parser.add_argument("--report", type=Path, required=True, help="output: counts, JSON")
    return parser


def run(args: argparse.Namespace) -> None:
    """Mine, freeze, assign."""
    template.run(
        args.messages,
        args.sequences,
        args.split,
        args.miner,
        args.settings,
        args.fit_on,
        args.templates,
        args.message_events,
        args.report,
    )


if __name__ == "__main__":
    cli.main(arguments(), run)
