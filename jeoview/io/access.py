"""Which files may be opened, and whether a file is still the one that a chain was made from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from jeoview.errors import RefusedError, SourceError
from jeoview.io.etag import file_etag, stat_etag

SIDECARS = (".ovr", ".msk", ".aux.xml")


@dataclass(frozen=True, slots=True)
class Version:
    """A file at one time: its real path (links resolved) and its etag."""

    path: Path
    etag: str


def local_path(href: str) -> Path:
    """Return the path of an asset's href.

    Raises
    ------
    RefusedError
        If it names a network address or one of GDAL's virtual file systems.
    """
    text = href.removeprefix("file://")
    if "://" in text or text.startswith(("/vsi", "\\\\")) or "\0" in text or ":" in text.split("/", 1)[0]:
        raise RefusedError("the address is not that of a local file; only local files are opened")
    return Path(text)


def resolve(href: str, roots: tuple[Path, ...]) -> Path:
    """Return the real path of an asset, links resolved.

    Raises
    ------
    RefusedError
        If it lies outside ``roots`` (where there are any).
    SourceError
        If there is no such file.
    """
    path = local_path(href)
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise SourceError(gone(error)) from error
    _check_inside(real, roots)
    for suffix in SIDECARS:
        beside = real.with_name(real.name + suffix)
        if beside.exists():
            _check_sidecar(beside, roots)
    return real


def _check_inside(real: Path, roots: tuple[Path, ...]) -> None:
    if roots and not any(real.is_relative_to(root.resolve()) for root in roots):
        raise RefusedError("the file lies outside the folders that may be read (JEOVIEW_ROOTS)")


def _check_sidecar(beside: Path, roots: tuple[Path, ...]) -> None:
    """GDAL follows what stands in a side file to any place, so it must hold nothing but pixels or numbers."""
    try:
        _check_inside(beside.resolve(strict=True), roots)
        with beside.open("rb") as stream:
            head = stream.read(1 << 20)
    except RefusedError:
        raise
    except OSError as error:
        raise SourceError(gone(error)) from error
    harmless = b"OVERVIEW_FILE" not in head.upper() if beside.suffix == ".xml" else head[:2] in (b"II", b"MM")
    if not harmless:
        raise RefusedError(f"a file beside it ({beside.suffix}) points elsewhere")


def current_etag(path: Path) -> str:
    """Return the etag of the file now.

    Raises
    ------
    SourceError
        If it is gone.
    """
    try:
        return file_etag(path)
    except OSError as error:
        raise SourceError(gone(error)) from error


def check_descriptor(descriptor: int, version: Version) -> None:
    """Make sure that an open file is the version that was parsed.

    Raises
    ------
    SourceError
        If it was replaced.
    """
    status = os.fstat(descriptor)
    if stat_etag(status.st_size, status.st_mtime_ns) != version.etag:
        raise SourceError(changed())


def changed() -> str:
    """What to say of a file that was replaced."""
    return "the file has changed since the chain was made; make the chain again from the collection"


def gone(error: BaseException) -> str:
    """What to say of a file that cannot be opened, without its path."""
    if isinstance(error, FileNotFoundError):
        return "the file is gone: it was moved or deleted after it was catalogued"
    reason = getattr(error, "strerror", None)
    return f"the file cannot be read ({reason or type(error).__name__})"
