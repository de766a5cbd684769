"""IPLoM: messages are divided by number of words, by one position, then by how two positions depend on each other.

Makanju, Zincir-Heywood and Milios, "Clustering Event Logs Using Iterative Partitioning", KDD 2009, and "A Lightweight
Algorithm for Message Type Extraction in System Application Logs", IEEE TKDE 24(11), 2012. Nothing is thrown away as an
outlier (partition support threshold 0).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

from logassay.miners.base import WILDCARD, Mined, frozen

Rows = list[int]
"""Numbers of messages of the same number of words."""


def mine(
    messages: Sequence[str],
    lines: Sequence[int],
    *,
    goodness: float = 0.7,
    lower_bound: float = 0.25,
) -> Mined:
    """Divide the messages in three steps; what is the same in all of a part is its template.

    Parameters
    ----------
    messages : sequence of str
        Distinct masked messages.
    lines : sequence of int
        How many lines each stands for.
    goodness : float
        A part with at least this share of constant positions is not divided in step 3.
    lower_bound : float
        Where one word goes with several others, these are constants, each with a part of its own, if there are at most
        `lower_bound` times as many of them as lines; otherwise they are variable. (The papers' upper bound decides
        nothing where what lies between the bounds is variable too, as in Zhu et al., ICSE-SEIP 2019.)
    """
    words = [message.split() for message in messages]

    def divide(rows: Rows, key: Callable[[int], Hashable]) -> Iterable[Rows]:
        parts: dict[Hashable, Rows] = defaultdict(list)
        for row in rows:
            parts[key(row)].append(row)
        return parts.values()

    def kinds(rows: Rows) -> list[int]:
        """Count the different words at each position."""
        return [len(set(column)) for column in zip(*(words[row] for row in rows), strict=True)]

    def by_position(rows: Rows) -> tuple[Iterable[Rows], bool]:
        """Step 2: divide by the position with the fewest different words, if none has one only."""
        counts = kinds(rows)
        fewest = min(counts, default=1)
        if fewest == 1:
            return [rows], False
        place = counts.index(fewest)
        return divide(rows, lambda row: words[row][place]), True

    def by_relation(rows: Rows, divided: bool) -> Iterable[Rows]:
        """Step 3: divide by the relation between the words at two positions."""
        pair = _positions(kinds(rows), goodness)
        if pair is None:
            return [rows]
        left, right = pair
        partners: tuple[dict[str, set[str]], dict[str, set[str]]] = (defaultdict(set), defaultdict(set))
        weight: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        for row in rows:
            ends = words[row][left], words[row][right]
            for side in (0, 1):
                partners[side][ends[side]].add(ends[1 - side])
                weight[side][ends[side]] += lines[row]
        # Words that go with several, each of which goes with no other.
        one_to_many = [
            {
                word
                for word, others in partners[side].items()
                if len(others) > 1 and all(len(partners[1 - side][other]) == 1 for other in others)
            }
            for side in (0, 1)
        ]

        def relation(row: int) -> Hashable:
            ends = words[row][left], words[row][right]
            for side in (0, 1):
                if ends[side] in one_to_many[side]:
                    share = len(partners[side][ends[side]]) / weight[side][ends[side]]
                    return (1 - side, ends[1 - side]) if share <= lower_bound else (side, ends[side])
            if len(partners[0][ends[0]]) == len(partners[1][ends[1]]) == 1:
                return (0, ends[0])
            return "many to many"

        parts: list[Rows] = []
        for part in divide(rows, relation):
            if divided or relation(part[0]) != "many to many":
                parts.append(part)
            else:
                counts = kinds(part)
                place = left if counts[left] < counts[right] else right
                parts.extend(divide(part, lambda row, place=place: words[row][place]))  # type: ignore[misc]
        return parts

    found: list[Sequence[str]] = [()] * len(words)
    for same_length in divide(list(range(len(words))), lambda row: len(words[row])):
        second, divided = by_position(same_length)
        for part in second:
            for rows in by_relation(part, divided):
                columns = zip(*(words[row] for row in rows), strict=True)
                template = [column[0] if len(set(column)) == 1 else WILDCARD for column in columns]
                for row in rows:
                    found[row] = template
    return frozen(found)


def _positions(counts: list[int], goodness: float) -> tuple[int, int] | None:
    """Choose the two positions of step 3: those with the commonest number of different words above one."""
    if len(counts) < 2 or max(counts) == 1:
        return None
    if len(counts) == 2:
        return 0, 1
    if counts.count(1) / len(counts) >= goodness:
        return None
    common = [count for count, _ in Counter(count for count in counts if count > 1).most_common()]
    first = counts.index(common[0])
    if counts.count(common[0]) > 1:
        return first, counts.index(common[0], first + 1)
    return (first, counts.index(common[1])) if len(common) > 1 else None
