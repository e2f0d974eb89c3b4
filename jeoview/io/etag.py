"""The name of one version of a file: what a frozen collection remembers of it."""

from __future__ import annotations

import hashlib
from pathlib import Path


def stat_etag(size: int, mtime_ns: int) -> str:
    """Return the etag of a file of ``size`` bytes, last changed at ``mtime_ns`` nanoseconds."""
    return hashlib.sha256(f"{size}-{mtime_ns}".encode()).hexdigest()[:16]


def file_etag(path: Path) -> str:
    """Return the etag of a file: 16 hex digits of its size and time of change.

    A folder (a Zarr store) has the etag of all files in it. Two different files may share an etag:
    it tells versions of one file apart, not files.

    Raises
    ------
    OSError
        If there is no such file.
    """
    status = path.stat()
    if not path.is_dir():
        return stat_etag(status.st_size, status.st_mtime_ns)
    digest = hashlib.sha256()
    for inner in sorted(path.rglob("*")):
        if inner.is_file():
            status = inner.stat()
            digest.update(f"{inner.relative_to(path)}\0{status.st_size}-{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
