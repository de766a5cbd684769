"""From local time to UTC."""

from datetime import datetime

import polars as pl

from logassay.time_format import OFFSET


def to_utc(time: pl.Series, zone: str) -> pl.Series:
    """Turn local times into UTC.

    Parameters
    ----------
    time : polars.Series of datetime
        Times as a clock of that zone shows them.
    zone : str
        Name such as `Asia/Seoul`, or offset such as `+09:00`.

    Returns
    -------
    polars.Series of datetime
        UTC, without a zone in the type. Of the two times of an hour that is turned back, the earlier; a time in an hour
        that is skipped counts on as if it were not.

    Raises
    ------
    polars.exceptions.ComputeError
        If the zone is not known.
    """

    if offset := OFFSET.fullmatch(zone):
        ahead = (1 if offset[1] == "+" else -1) * (60 * int(offset[2]) + int(offset[3]))
        return time.alias("time").to_frame().select(pl.col("time") - pl.duration(minutes=ahead)).to_series()

    def utc(local: pl.Expr) -> pl.Expr:
        known = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return known.dt.convert_time_zone("UTC").dt.replace_time_zone(None)

    hour = pl.duration(hours=1)
    local = pl.col("time")
    return time.alias("time").to_frame().select(utc(local).fill_null(utc(local - hour) + hour)).to_series()


def is_zone(zone: str) -> bool:
    """Say whether a zone is known."""
    try:
        to_utc(pl.Series([datetime(2000, 1, 1)]), zone)
    except pl.exceptions.PolarsError:
        return False
    return True
