"""Times as text (RFC 3339, UTC) and as whole microseconds, which is how they are compared."""

from __future__ import annotations

import datetime as dt
import re

from jeoview.errors import ParameterError

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{1,2}))?")


def parse_time(value: object, what: str = "time") -> dt.datetime:
    """Return a time in UTC; a time without zone is taken as UTC, a date as its midnight.

    Parameters
    ----------
    value : str, date or datetime
        ``"2017"``, ``"2017-05"``, ``"2017-05-01"``, RFC 3339, a Python date, a numpy or pandas time.
    what : str
        The word for it in the message.

    Raises
    ------
    ParameterError
        If it is no date.
    """
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    text = str(value).strip() if isinstance(value, str) or hasattr(value, "astype") else ""
    try:
        partial = _PARTIAL.fullmatch(text)
        if partial:
            return dt.datetime(int(partial[1]), int(partial[2] or 1), 1, tzinfo=dt.UTC)
        # numpy prints nanoseconds; Python reads microseconds.
        return parse_time(dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)))
    except (ValueError, OverflowError):
        raise ParameterError(f"{what} is {value!r}; expected a date such as '2017-05-01' or RFC 3339") from None


def parse_period(value: object, what: str = "time") -> tuple[dt.datetime, dt.datetime]:
    """Return the start and the end (not included) of the year, month or day that a value names.

    An instant names its day.

    Raises
    ------
    ParameterError
        If it is no date.
    """
    start = parse_time(value, what)
    if start.year == dt.MAXYEAR:
        raise ParameterError(f"{what} is {value!r}; expected a year before {dt.MAXYEAR}")
    partial = _PARTIAL.fullmatch(value.strip()) if isinstance(value, str) else None
    if partial is None:
        start = start.replace(hour=0, minute=0, second=0, microsecond=0)
        return start, start + dt.timedelta(days=1)
    later = start.year * 12 + start.month - 1 + (1 if partial[2] else 12)
    return start, start.replace(year=later // 12, month=later % 12 + 1)


def format_time(value: dt.datetime) -> str:
    """RFC 3339 in UTC with a Z; fractions of a second only where there are any."""
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def microseconds(value: dt.datetime) -> int:
    """Whole microseconds since 1970 in UTC."""
    return (value - EPOCH) // MICROSECOND
