"""Never-flag: calls no sequence anomalous. Where anomalies are rare its accuracy is high and means nothing."""

from typing import ClassVar

from logassay.models.flag_all import FlagAll


class NeverFlag(FlagAll):
    """Give every sequence the score 0 and call it normal."""

    answer: ClassVar[bool] = False


DETECTOR = NeverFlag
