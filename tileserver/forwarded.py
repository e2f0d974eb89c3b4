"""The address under which the client sees the server, through proxies."""

from __future__ import annotations

import re
from collections.abc import Mapping

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_PREFIX = re.compile(r"(/[\w.~@%+-]+)*", re.ASCII)
_PREFIX_HEADERS = ("X-Forwarded-Prefix", "X-Forwarded-Context", "X-ProxyContextPath")


def root_url(headers: Mapping[str, str], protocol: str, base_url: str, token: str) -> str:
    """Absolute address of the root, ending in ``/``.

    Parameters
    ----------
    headers : mapping
        Of the request.
    protocol : str
        ``http`` or ``https``, as the server itself was asked.
    base_url : str
        The server's own prefix.
    token : str
        Segment that the client used; empty where it is a bearer.

    Notes
    -----
    The headers are believed as far as they are well formed: the answer goes to nobody but the one
    who sent them, and is not cached.
    """
    scheme = _first(headers, "X-Forwarded-Proto") or _first(headers, "X-Scheme")
    host = _first(headers, "X-Forwarded-Host")
    host = host if host and _HOST.fullmatch(host) else headers.get("Host", "")
    host = host if _HOST.fullmatch(host) else "127.0.0.1"
    prefix = next((value for name in _PREFIX_HEADERS if (value := _first(headers, name))), "").rstrip("/")
    prefix = prefix if _PREFIX.fullmatch(prefix) else ""
    segment = f"{token}/" if token else ""
    return f"{scheme if scheme in ('http', 'https') else protocol}://{host}{prefix}{base_url}{segment}"


def _first(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "").split(",")[0].strip()
