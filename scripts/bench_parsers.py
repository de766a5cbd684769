"""Measure how well and how fast the template miners group Loghub's samples, in one table.

Lines go through the project's own formats and masks. GA is the share of lines whose group is exactly a true group, PA
that of lines whose template reads as the true one; FGA and FTA are the F1 of templates with the right group, and with
the right group and text. logparser3's Drain gets the same masked messages, where it is installed.
"""

import argparse
from pathlib import Path

import yaml

from logassay import cli, miners


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="folder of samples, as in Loghub's repository")
    parser.add_argument("--formats", type=Path, required=True, help="YAML file with the formats (config/formats.yaml)")
    known = [*miners.names(), "none"]
    parser.add_argument("--miners", nargs="+", choices=known, default=known, help=f"miners [{' '.join(known)}]")
    parser.add_argument(
        "--settings",
        type=cli.json_value,
        default={},
        help='settings by miner as JSON, for example \'{"drain": {"similarity": 0.5}}\'; others have their defaults',
    )
    parser.add_argument("--repeats", type=int, default=3, help="times that each is measured; the fastest counts [3]")
    parser.add_argument("--output", type=Path, required=True, help="output: measurements, JSON")
    parser.add_argument("--markdown", type=Path, required=True, help="output: the table, Markdown")
    return parser


def run(args: argparse.Namespace) -> None:
    """Measure, print, write."""
    from tabulate import tabulate

    from logassay import bench_parsers
    from logassay.files import write_json, write_text
    from logassay.line_format import LineFormat

    formats = yaml.safe_load(args.formats.read_text(encoding="utf-8"))["formats"]
    rows, without = [], []
    for sample in bench_parsers.read_samples(args.samples):
        name = sample.name.lower()
        if name not in formats:
            without.append(sample.name)
            continue
        settings = {miner: args.settings.get(miner, {}) for miner in args.miners}
        rows += bench_parsers.measure(sample, LineFormat.from_dict(name, formats[name]), settings, args.repeats)
    means = bench_parsers.means(rows)
    text = bench_parsers.table(rows + means)
    write_json(args.output, {"samples": rows, "means": means, "samples_without_format": without})
    write_text(args.markdown, tabulate(text, headers="firstrow", disable_numparse=True, tablefmt="github") + "\n")
    print(tabulate(text, headers="firstrow", disable_numparse=True))
    if without:
        print(f"Without a format of that name, and left out: {', '.join(without)}.")


if __name__ == "__main__":
    cli.main(arguments(), run)
