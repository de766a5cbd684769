"""LogAssay: pure functions for every stage, from raw log lines to comparison tables.

Nothing in this package imports Snakemake or reads the workflow's config.
"""

__version__ = "0.1.0"
