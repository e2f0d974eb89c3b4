"""Errors as the server answers them: one table from code to status, one object, no path, no stack trace."""

from __future__ import annotations

import json
import logging
import re
import secrets
from typing import Any

from jeoview.errors import JeoviewError

log = logging.getLogger("tileserver")

STATUS = {
    "ParameterInvalid": 400,
    "BandNotFound": 400,
    "ChainInvalid": 400,
    "Forbidden": 403,
    "Refused": 403,
    "NotFound": 404,
    "KeyNotFound": 404,
    "CollectionNotFound": 404,
    "PlaceNotFound": 404,
    "MethodNotAllowed": 405,
    "Dropped": 409,
    "Cancelled": 409,
    "TooLarge": 413,
    "AddressTooLong": 414,
    "LimitExceeded": 422,
    "Internal": 500,
    "WorkerLost": 500,
    "SourceUnreadable": 502,
    "Pending": 503,
    "StoreUnavailable": 503,
    "ServerUnavailable": 503,
    "QueueFull": 503,
    "Timeout": 504,
}
RETRY_SECONDS = 2
_MAX_MESSAGE = 1000
_PATH = re.compile(r"(?<![\w:/.~])~?/(?:[^\s/'\",;()]+/)+[^\s/'\",;()]*")


class Failure(Exception):  # noqa: N818 - it is what an answer holds, made from an error
    """An error on its way to the client.

    Parameters
    ----------
    code : str
        Stable name, see `STATUS`.
    message : str
        One readable sentence; a path of the server in it is struck out.
    identifier : str
        Finds the entry in the server's log; empty where the message says all.
    """

    def __init__(self, code: str, message: str, identifier: str = "") -> None:
        super().__init__(message)
        self.code = code if code in STATUS else "Internal"
        self.message = without_paths(message)[:_MAX_MESSAGE]
        self.identifier = identifier

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUS[self.code]

    def document(self) -> dict[str, Any]:
        """The error object of openEO."""
        known = {"id": self.identifier} if self.identifier else {}
        return {**known, "code": self.code, "message": self.message, "links": []}

    def header(self) -> str:
        """The same in ASCII, fit for a header."""
        return json.dumps(self.document())


def failure_of(error: BaseException) -> Failure:
    """What the client is told of an error; one that was not foreseen goes to the log under an id."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, JeoviewError) and error.code != "Internal":
        return Failure(error.code, str(error))
    if isinstance(error, MemoryError):
        return Failure("LimitExceeded", "the server has not enough memory for this; zoom in or ask for less")
    identifier = secrets.token_hex(6)
    log.error("error %s", identifier, exc_info=error)
    return Failure(
        "Internal",
        f"the server failed in a way that was not foreseen; its log says more under {identifier}",
        identifier,
    )


def without_paths(message: str) -> str:
    """Strike out what looks like an absolute path; messages are read in browsers.

    Examples
    --------
    >>> without_paths("cannot open '/home/ann/secret/a.tif': no tile 3/4/5")
    "cannot open '(file)': no tile 3/4/5"
    """
    return _PATH.sub("(file)", message)
