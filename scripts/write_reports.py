"""Write the reports of a study from its verdicts, as Markdown and as self-contained HTML pages.

Each model with several epochs gets epoch_report_MODEL.LANGUAGE.{md,html}, the study
comparison_report.LANGUAGE.{md,html}. Nothing is computed anew: a change of language or of texts needs this script only.
"""

import argparse
from pathlib import Path

from logassay import cli, report

TEXTS = Path(__file__).resolve().parent.parent / "workflow" / "report" / "texts"


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--verdicts", type=Path, required=True, metavar="FILE", help="verdicts.json of the study")
    add("--languages", nargs="+", default=["en", "ko"], metavar="LANGUAGE", help="languages to write [en ko]")
    add(
        "--texts-dir",
        type=Path,
        default=TEXTS,
        metavar="DIR",
        help="folder with a YAML file of texts for each language [workflow/report/texts]",
    )
    add("--output-dir", type=Path, required=True, metavar="DIR", help="where the reports go")
    add(
        "--figures",
        type=Path,
        nargs="*",
        default=[],
        metavar="FILE",
        help="metrics_by_epoch.png, roc.png and learning_curve.png to show in the Markdown [none]",
    )
    add("--library", type=Path, metavar="FILE", help="scripts of the charts from bundle_charts.py [bundled anew]")
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the reports."""
    written = report.write(
        args.verdicts,
        languages=args.languages,
        texts_directory=args.texts_dir,
        output=args.output_dir,
        images=args.figures,
        library=args.library,
    )
    cli.log.info("%d files -> %s", len(written), args.output_dir)


if __name__ == "__main__":
    cli.main(arguments(), run)
