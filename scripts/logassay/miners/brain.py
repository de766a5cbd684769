"""Brain: the words of a message that are equally frequent are its core; the others are constant if they hardly vary.

Yu, He, Chen and Wu, "Brain: Log Parsing with Bidirectional Parallel Tree", IEEE Transactions on Services Computing
16(5), 2023. The tree is written as what it decides: for each position around the core, constant or variable.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from logassay.miners.base import WILDCARD, Mined, frozen


def mine(messages: Sequence[str], lines: Sequence[int], *, branches: int = 5) -> Mined:
    """Group messages by their cores and find what is constant around them.

    Parameters
    ----------
    messages : sequence of str
        Distinct masked messages.
    lines : sequence of int
        How many lines each stands for; a word is as frequent at its position as it has lines.
    branches : int
        So many different words, rarer than the core, make a position variable.
    """
    rows = [tuple(enumerate(message.split())) for message in messages]
    frequency: Counter[tuple[int, str]] = Counter()
    for row, count in zip(rows, lines, strict=True):
        for word in row:
            frequency[word] += count

    # The core, or root of the tree: the longest combination of words of the same frequency, and of these the commonest.
    groups: dict[tuple[int, tuple[tuple[int, str], ...]], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        sizes = Counter(frequency[word] for word in row)
        common = max(sizes, key=lambda frequency: (sizes[frequency], frequency), default=0)
        groups[len(row), tuple(word for word in row if frequency[word] == common)].append(number)

    found: list[Sequence[str]] = [()] * len(rows)
    for (_, core), members in groups.items():
        common = frequency[core[0]] if core else 0
        variable: set[int] = set()
        for place, column in enumerate(zip(*(rows[number] for number in members), strict=True)):
            words = set(column)
            # Towards the root more frequent words: any two make the position variable. Away from it rarer ones.
            frequent = all(frequency[word] > common for word in words)
            if len(words) >= (2 if frequent else branches):
                variable.add(place)
        for number in members:
            found[number] = [WILDCARD if place in variable else word for place, word in rows[number]]
    return frozen(found)
