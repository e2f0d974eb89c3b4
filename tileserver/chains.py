"""What the server remembers of the chains that it has verified, and the errors that their tiles gave."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from jeoview.errors import ParameterError, choices
from jeoview.graph import Parameter
from tileserver.address import Scalar, TileAddress, check_key
from tileserver.failures import Failure
from tileserver.frames import Header
from tileserver.pool import Job, Pool

V = TypeVar("V")
_MAX_CHAINS = 4096
_MAX_FAILING = 256
_MAX_ERRORS = 20


class Recent(Generic[V]):
    """A bounded mapping, least recently used out first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[str, V] = OrderedDict()

    def get(self, name: str) -> V | None:
        """The value of a name, or None."""
        if name in self._values:
            self._values.move_to_end(name)
        return self._values.get(name)

    def put(self, name: str, value: V) -> None:
        """Keep a value."""
        self._values[name] = value
        self._values.move_to_end(name)
        if len(self._values) > self._size:
            self._values.popitem(last=False)


@dataclass(frozen=True)
class ChainInfo:
    """A verified chain, as far as the server must know it.

    Parameters
    ----------
    key, array : str
        Of the chain, and of the array under its style.
    parameters : mapping
        Its sliders by name.
    view : bool
        Whether its pixels depend on the area in view.
    full : bool
        Whether it has a full-extent operator, whose result one worker holds for all tiles.
    area : str
        Key of the step that works on a whole area, or is fitted to one; empty where there is none.
    steers : tuple of str
        Names of the sliders that it hangs on.
    bands : tuple of str
        Of the array.
    kind, unit, name, attribution : str
        For people.
    bbox : (west, south, east, north), optional
        Degrees; where there is data.
    """

    key: str
    array: str
    parameters: Mapping[str, Parameter]
    view: bool
    full: bool
    area: str
    steers: tuple[str, ...]
    kind: str
    bands: tuple[str, ...]
    unit: str
    name: str
    attribution: str
    bbox: tuple[float, float, float, float] | None

    def bind(self, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """Every slider's position, defaults for those not given.

        Raises
        ------
        ParameterError
            If a name is not a slider of this chain, or a value does not fit.
        """
        for name in given:
            if name not in self.parameters:
                raise ParameterError(f"the chain has no parameter {name!r}; {choices(name, self.parameters)}")
        return {name: used.check(given.get(name, used.default)) for name, used in self.parameters.items()}


def chain_info(header: Header) -> ChainInfo:
    """Read what a worker says of a chain."""
    return ChainInfo(
        key=header["key"],
        array=header["array"],
        parameters={declared["name"]: _parameter(declared) for declared in header["parameters"]},
        view=header["view"],
        full=header["full"],
        area=header["area"],
        steers=tuple(header["steers"]),
        kind=header["kind"],
        bands=tuple(header["bands"]),
        unit=header["unit"],
        name=header["name"],
        attribution=header["attribution"],
        bbox=tuple(header["bbox"]) if header["bbox"] else None,
    )


def _parameter(declared: Mapping[str, Any]) -> Parameter:
    schema = declared["schema"]
    limits = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    return Parameter(declared["name"], declared["default"], *limits, tuple(schema.get("enum", ())), declared["unit"])


class Chains:
    """The chains that this server knows to be in its store and unaltered.

    Parameters
    ----------
    pool : Pool
        Its workers read the store; the server itself does not wait for it.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: Recent[ChainInfo] = Recent(_MAX_CHAINS)
        self._asked: dict[str, Job] = {}

    async def get(self, key: str) -> ChainInfo:
        """A chain that is known, or that a worker verifies now.

        Raises
        ------
        Failure
            ``KeyNotFound`` or ``ChainInvalid``.
        """
        return self._known.get(check_key(key)) or await self._ask(key)

    async def _ask(self, key: str) -> ChainInfo:
        job = self._asked.get(key)
        if job is None:
            job = self._asked[key] = self._pool.submit(Job({"op": "describe", "key": key}, home=hash(key)))
            job.result.add_done_callback(lambda done: self._answered(key, done))
        header, _ = await asyncio.shield(job.result)
        return self._keep(header)

    def _answered(self, key: str, done: asyncio.Future[tuple[Header, bytes]]) -> None:
        del self._asked[key]
        # Whoever asked may be gone; an exception that nobody looks at would be reported as lost.
        done.exception()

    async def save(self, text: bytes, key: str | None) -> ChainInfo:
        """Verify and store the text of a chain.

        Raises
        ------
        Failure
            ``ChainInvalid`` if it was altered, or is another one than the key says.
        """
        header, _ = await self._pool.submit(Job({"op": "save", "key": key}, text)).result
        return self._keep(header)

    def _keep(self, header: Header) -> ChainInfo:
        info = chain_info(header)
        self._known.put(info.key, info)
        return info


class Errors:
    """The last errors of each chain, for the notebook to show; bounded both ways."""

    def __init__(self) -> None:
        self._by_key: Recent[deque[dict[str, Any]]] = Recent(_MAX_FAILING)

    def add(self, address: TileAddress, failure: Failure) -> None:
        """Note that a tile failed."""
        found = self._by_key.get(address.key)
        if found is None:
            found = deque(maxlen=_MAX_ERRORS)
        self._by_key.put(address.key, found)
        found.append({"time": time.time(), "tile": f"{address.z}/{address.x}/{address.y}", **failure.document()})

    def of(self, key: str) -> list[dict[str, Any]]:
        """The last errors of a chain, the oldest first."""
        return list(self._by_key.get(key) or ())
