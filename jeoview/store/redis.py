"""A store in Redis, for tile servers on several machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from jeoview.errors import ParameterError, StoreError
from jeoview.store.check import check_key, check_keys, check_prefix, check_value

# one Redis may serve several programs: every key of ours begins with this
NAMESPACE = "jeoview:"
# Rendered tiles can be made again and are many: they have an end, so that a server with
# `maxmemory-policy volatile-lru` makes room with them and never with a chain.
TILE_SECONDS = 7 * 24 * 3600
_TILES = "tile:"
# values may have megabytes: this many travel in one answer
_AT_ONCE = 64


class RedisStore:
    """Values in a Redis server; connections are pooled, and safe in threads and after a fork.

    Parameters
    ----------
    url : str
        ``redis://[:password@]host:port/db``, or ``rediss://`` with TLS.
    timeout : float
        Seconds that one answer may take.

    Raises
    ------
    ParameterError
        If the address cannot be understood.
    """

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        try:
            self._client = redis.Redis.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=min(timeout, 2.0),
                health_check_interval=30,
                # once more: a connection that idled through a restart of the server is dead at first use
                retry=Retry(ConstantBackoff(0.05), 1),
            )
        except ValueError as error:
            raise ParameterError("the store's address is no Redis address; expected redis://host:port/db") from error
        place = self._client.connection_pool.connection_kwargs
        # never the whole address: it may hold a password
        self._name = f"Redis at {place.get('host', 'localhost')}:{place.get('port', 6379)}"
        self._closed = False

    def get(self, key: str) -> bytes | None:
        """Return the value, or None."""
        return _value(self._ask("GET", _name(key)))

    def put(self, key: str, value: bytes) -> None:
        """Keep a value: a rendered tile (``tile:...``) for `TILE_SECONDS`, everything else for ever."""
        end = ("EX", TILE_SECONDS) if check_key(key).startswith(_TILES) else ()
        self._ask("SET", _name(key), check_value(value), *end)

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the values that exist."""
        wanted = check_keys(keys)
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            values = map(_value, self._ask("MGET", *map(_name, part)))
            found.update((key, value) for key, value in zip(part, values, strict=True) if value is not None)
        return found

    def contains(self, key: str) -> bool:
        """Tell whether there is a value."""
        return bool(self._ask("EXISTS", _name(key)))

    def delete(self, key: str) -> None:
        """Forget a value."""
        self._ask("DEL", _name(key))

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""
        pattern = NAMESPACE + _literal(check_prefix(prefix)) + "*"
        found: set[str] = set()
        cursor: Any = 0
        while True:
            cursor, names = self._ask("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            found.update(name.decode().removeprefix(NAMESPACE) for name in names)
            if int(cursor) == 0:
                return sorted(found)

    def close(self) -> None:
        """Close the connections."""
        self._closed = True
        self._client.close()

    def _ask(self, command: str, *arguments: str | bytes | int) -> Any:
        if self._closed:
            raise StoreError("the store in Redis was closed")
        with self._readable():
            # redis-py leaves this one without types
            return self._client.execute_command(command, *arguments)  # type: ignore[no-untyped-call]

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except redis.exceptions.ResponseError as error:
            raise StoreError(f"the store, {self._name}, refused: {error}") from error
        except (redis.exceptions.RedisError, OSError) as error:
            raise StoreError(f"the store, {self._name}, does not answer: {error}") from error


def _name(key: str) -> str:
    return NAMESPACE + check_key(key)


def _value(answer: object) -> bytes | None:
    if answer is None or isinstance(answer, bytes):
        return answer
    raise StoreError(f"the store in Redis answered {type(answer).__name__}; expected bytes")


def _literal(prefix: str) -> str:
    """Return a prefix with the signs of a glob pattern taken as they are."""
    return "".join(f"\\{sign}" if sign in "*?[]^-\\" else sign for sign in prefix)
