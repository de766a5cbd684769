"""What a report is made of: headings, sentences, tables, commands and figures, in no markup yet.

`report` writes a report as these blocks once per language; `markdown` and `page` give them their form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Span:
    """A piece of a sentence. Its text is as it is to be read; escaping belongs to the form."""

    text: str
    style: Literal["plain", "strong", "code"] = "plain"


Sentence = tuple[Span, ...]


@dataclass(frozen=True)
class Heading:
    """A title; level 1 is the report's own. `anchor` is unique in the report, in ASCII."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Paragraph:
    """Sentences in a row."""

    spans: Sentence


@dataclass(frozen=True)
class Bullets:
    """A list; `ordered` where the order means something."""

    items: Sequence[Sentence]
    ordered: bool = False


@dataclass(frozen=True)
class Note:
    """What a reader must not miss; `code` is a warning's name such as CHANCE, or empty."""

    kind: Literal["warning", "info"]
    code: str
    spans: Sentence


@dataclass(frozen=True)
class Cell:
    """A cell: what is shown, what it is sorted by (None: by the text), whether it is the best of its column."""

    text: str
    value: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a table; `about` says what it is where the title does not."""

    title: str
    number: bool = True
    about: str = ""


@dataclass(frozen=True)
class Table:
    """A table, sortable where the form allows; by the values of the columns `filters` readers may choose rows."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str
    filters: Sequence[int] = ()


@dataclass(frozen=True)
class Code:
    """Commands or files, word for word."""

    text: str
    language: str = "bash"


@dataclass(frozen=True)
class Figure:
    """A chart: forms that can run it take the Vega-Lite `chart`, others the `image`, a path beside the report."""

    title: str
    alternative: str
    chart: dict[str, Any]
    image: str | None = None


@dataclass(frozen=True)
class Curve:
    """What each threshold would have given on the test part, for one checkpoint.

    Attributes
    ----------
    model, epoch, seed, sample_size
        Which checkpoint it is.
    normal, anomalous : int
        Test sequences of each label.
    thresholds : sequence of float
        Ascending; a sequence is flagged when its score exceeds the threshold.
    tp, fp : sequence of int
        Anomalous and normal sequences flagged at each of them.
    chosen : float or None
        The threshold that validation chose; None for a model that is judged by its own rule.
    """

    model: str
    epoch: int
    seed: int | None
    sample_size: int | None
    normal: int
    anomalous: int
    thresholds: Sequence[float]
    tp: Sequence[int]
    fp: Sequence[int]
    chosen: float | None


@dataclass(frozen=True)
class Explorer:
    """Threshold and prevalence to play with; `texts` holds the words it shows, in the report's language.

    `texts` has the keys checkpoint, threshold, prevalence, measured_prevalence, chosen, tp, fp, tn, fn, precision,
    recall, specificity, f1, per_thousand, how and none.
    """

    title: str
    curves: Sequence[Curve]
    texts: dict[str, str]


Block = Heading | Paragraph | Bullets | Note | Table | Code | Figure | Explorer


@dataclass(frozen=True)
class Document:
    """A whole report. `language` is a BCP 47 tag; `name` is its file name without suffix."""

    name: str
    language: str
    title: str
    blocks: Sequence[Block]
