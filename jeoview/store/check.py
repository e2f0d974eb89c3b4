"""What may be a key and a value, the same for all stores."""

from __future__ import annotations

from collections.abc import Sequence

from jeoview.errors import ParameterError

# the largest value that every store takes: Redis' own limit
MAX_VALUE_BYTES = 512 * 1024 * 1024


def check_key(key: str) -> str:
    """Return the key if it is one.

    Raises
    ------
    ParameterError
        If it is not text, empty, holds NUL or is not valid Unicode.
    """
    if not isinstance(key, str) or not key:
        raise ParameterError(f"a key of the store is {key!r}; expected text that is not empty")
    return check_prefix(key)


def check_prefix(prefix: str) -> str:
    """Return the beginning of a key if it is one; it may be empty."""
    if not isinstance(prefix, str):
        raise ParameterError(f"a prefix of keys is {prefix!r}; expected text")
    if "\0" in prefix or not _is_unicode(prefix):
        raise ParameterError(f"a key of the store is {prefix!r}; expected valid Unicode without NUL")
    return prefix


def check_keys(keys: Sequence[str]) -> list[str]:
    """Return the keys, each once."""
    if isinstance(keys, str):
        raise ParameterError(f"keys of the store are {keys!r}; expected a sequence of keys")
    return list(dict.fromkeys(check_key(key) for key in keys))


def check_value(value: bytes) -> bytes:
    """Return the value if it can be stored.

    Raises
    ------
    ParameterError
        If it is not ``bytes`` or above `MAX_VALUE_BYTES`.
    """
    if not isinstance(value, bytes):
        raise ParameterError(f"a value of the store is of type {type(value).__name__}; expected bytes")
    if len(value) > MAX_VALUE_BYTES:
        raise ParameterError(f"a value of the store has {len(value)} bytes; expected at most {MAX_VALUE_BYTES}")
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
