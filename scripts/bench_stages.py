"""Measure each stage's rate and memory beside drain3, logparser3, pandas and plain reading, alternated in one run.

Prints a table and writes the measurements as JSON and Markdown. The logs are made up (HDFS-like and BGL-like) or, with
--real, tiled from Loghub's samples. It fails if our lines are not grouped as by drain3, or our sessions not as by
pandas.
"""

import argparse
from pathlib import Path

from logassay import cli


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--formats", type=Path, required=True, help="YAML file of line formats (config/formats.yaml)")
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of each log (default: 1000000)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds; the median counts (default: 5)")
    parser.add_argument("--quick", action="store_true", help="100,000 lines, one round: to see that all works")
    parser.add_argument("--large", action="store_true", help="also measure how time grows with ten times the lines")
    parser.add_argument(
        "--real", type=Path, metavar="FOLDER", help="folder of Loghub's samples to tile (HDFS/HDFS_2k.log)"
    )
    parser.add_argument(
        "--workloads", nargs="+", choices=["hdfs", "bgl"], default=["hdfs", "bgl"], help="kinds of logs (default: both)"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of polars (default: 2)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the logs (default: 1)")
    parser.add_argument(
        "--logparser",
        type=Path,
        default=Path(".venv-bench"),
        metavar="FOLDER",
        help="where logparser3 is (.venv-bench)",
    )
    parser.add_argument(
        "--logparser-lines", type=int, default=50_000, help="lines that logparser3 gets, being slow (default: 50000)"
    )
    parser.add_argument("--output", type=Path, required=True, help="measurements, JSON")
    parser.add_argument("--markdown", type=Path, help="the tables, Markdown")
    return parser


def run(args: argparse.Namespace) -> None:
    """Measure, print, write."""
    import tempfile

    import yaml
    from tabulate import tabulate

    from logassay import bench_stages
    from logassay.files import write_json, write_text

    formats = yaml.safe_load(args.formats.read_text(encoding="utf-8"))["formats"]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.output.parent, prefix="bench-") as folder:
        result = bench_stages.bench(
            formats,
            Path(folder),
            lines=100_000 if args.quick else args.lines,
            repeats=1 if args.quick else args.repeats,
            threads=args.threads,
            seed=args.seed,
            workloads=args.workloads,
            logparser_lines=10_000 if args.quick else args.logparser_lines,
            logparser_folder=args.logparser.resolve(),
            real=args.real,
            large=args.large,
        )
    write_json(args.output, result)
    if args.markdown:
        write_text(args.markdown, bench_stages.markdown(result))
    print(bench_stages.about_text(result))
    for workload in result["workloads"]:
        print(f"\n{workload['name']}")
        print(tabulate(bench_stages.table(workload["rows"]), headers=bench_stages.HEADINGS, disable_numparse=True))
        print("\n".join(bench_stages.sentences(workload)))


if __name__ == "__main__":
    cli.main(arguments(), run)
