"""Every error that jeoview raises on purpose.

An error says what was wrong, what was expected and where. ``code`` is the stable name that the
tile server answers with (openEO's error object); a message never holds a path of the server,
because it is shown in a browser.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep  # noqa: PTH100, PTH120


class JeoviewError(Exception):
    """Base of all errors of jeoview; ``str(error)`` is one readable sentence."""

    code = "Internal"


class ParameterError(JeoviewError, ValueError):
    """A value has the wrong type, unit or range, or a name is not known."""

    code = "ParameterInvalid"


class BandError(ParameterError):
    """A band was named that the image does not have."""

    code = "BandNotFound"


class CollectionError(JeoviewError, LookupError):
    """A collection was named that the catalogue does not have, or it holds no item."""

    code = "CollectionNotFound"


class PlaceError(JeoviewError, LookupError):
    """A place was named that the gazetteer does not have."""

    code = "PlaceNotFound"


class ChainError(JeoviewError, ValueError):
    """A chain text is malformed, altered, too deep or too large."""

    code = "ChainInvalid"


class KeyUnknownError(JeoviewError, LookupError):
    """The store holds nothing under this key."""

    code = "KeyNotFound"


class SourceError(JeoviewError, OSError):
    """A source file is missing, truncated, corrupt or not the one that was frozen."""

    code = "SourceUnreadable"


class RefusedError(JeoviewError, PermissionError):
    """A file, address or format lies outside what the settings allow."""

    code = "Refused"


class LimitError(JeoviewError):
    """The work asked for is larger than a limit; the message says the limit and the way out."""

    code = "LimitExceeded"


class CancelledByUser(JeoviewError):  # noqa: N818 - it is an outcome that the user asked for
    """A long job was stopped by the user; nothing half-written was left behind."""

    code = "Cancelled"


class PendingError(JeoviewError):
    """What was asked for is being computed, and takes longer than a tile waits: ask again in some seconds."""

    code = "Pending"


class StoreError(JeoviewError):
    """The store cannot be reached or answered nonsense."""

    code = "StoreUnavailable"


class ServerError(JeoviewError):
    """The tile server could not be started or reached."""

    code = "ServerUnavailable"


def choices(wrong: str, known: Iterable[str], limit: int = 12) -> str:
    """Say which names exist, the nearest one first.

    Parameters
    ----------
    wrong : str
        The name that was given.
    known : iterable of str
        The names that exist.
    limit : int
        How many names are listed at the most.

    Returns
    -------
    str
        For instance ``"did you mean 'red'? Known: 'blue', 'green', 'red'"``.
    """
    names = sorted(set(known))
    near = get_close_matches(wrong, names, n=1)
    shown = ", ".join(repr(name) for name in names[:limit])
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}Known: {shown or 'none'}{more}"


def warn(text: str) -> None:
    """Warn the user, with the line of theirs that led here: the first one up the calls that is not of this package."""
    # warnings.warn's own way to say this, skip_file_prefixes, came with Python 3.12.
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, UserWarning, stacklevel=level)
