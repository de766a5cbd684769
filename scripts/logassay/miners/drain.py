"""Drain: a tree of fixed depth over number of words and first words leads to few templates to compare with.

He, Zhu, Zheng and Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017; by the library drain3.
"""

from collections.abc import Sequence

from drain3.drain import Drain

from logassay.miners.base import Mined


def mine(
    messages: Sequence[str],
    lines: Sequence[int],
    *,
    depth: int = 4,
    similarity: float = 0.4,
    max_children: int = 100,
) -> Mined:
    """Feed messages to Drain; a message that it meets again changes nothing, so that each need be seen only once.

    Parameters
    ----------
    messages : sequence of str
        Distinct masked messages in order of first appearance.
    lines : sequence of int
        Not used.
    depth : int
        Depth of the prefix tree, at least 3.
    similarity : float
        Least share of equal words for a message to join a template.
    max_children : int
        Most children of a node of the tree.
    """
    drain = Drain(depth=depth, sim_th=similarity, max_children=max_children)
    groups = [drain.add_log_message(message)[0].cluster_id - 1 for message in messages]

    def match(message: str) -> int | None:
        # The tree may lead past a template that fits, hence the full search where it finds none.
        cluster = drain.match(message, full_search_strategy="fallback")
        return cluster.cluster_id - 1 if cluster else None

    return Mined([cluster.get_template() for cluster in drain.clusters], groups, match)
