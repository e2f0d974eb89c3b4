"""Where a tile server listens: a small file that only its user may read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile

from jeoview.graph import canonical, digest
from jeoview.settings import Settings


@dataclass(frozen=True)
class Address:
    """How a server of this machine is reached.

    Parameters
    ----------
    port : int
        On 127.0.0.1.
    token : str
        First segment of every path.
    base_url : str
        Prefix of all paths.
    pid : int
        Its process.
    """

    port: int
    token: str
    base_url: str = "/"
    pid: int = 0

    @property
    def root(self) -> str:
        """Address for requests from this machine, ending in ``/``."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def path(self) -> str:
        """Path of the root, ending in ``/``."""
        return f"{self.base_url}{self.token}/"


@lru_cache(maxsize=1)
def code_version() -> str:
    """A hash over the source of jeoview and its server: results of other code have other names."""
    root = Path(__file__).resolve().parents[2]
    total = hashlib.sha256()
    for package in ("jeoview", "tileserver"):
        for path in sorted((root / package).rglob("*.py")):
            total.update(f"{path.relative_to(root)}\n".encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:16]


def state_file(settings: Settings) -> Path:
    """The file of the server that serves these settings with this code."""
    kept = {name: str(value) for name, value in asdict(replace(settings, home=Path())).items()}
    name = digest(canonical([code_version(), kept, str(settings.roots)]))[:16]
    return settings.home / "servers" / f"{name}.json"


def read_address(path: Path) -> Address | None:
    """The address in a file; None where there is none or it is broken."""
    try:
        found = json.loads(path.read_text())
        return Address(int(found["port"]), str(found["token"]), str(found["base_url"]), int(found["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_address(path: Path, address: Address) -> None:
    """Tell where this process listens; only its user may read it, for it holds the token."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
        json.dump(asdict(replace(address, pid=os.getpid())), file)
    Path(file.name).replace(path)


def forget_address(path: Path) -> None:
    """Mark the file of this process as one whose server has ended.

    Port and token stay, for a successor to listen where the layers of open maps still ask.
    """
    found = read_address(path)
    if found is not None and found.pid == os.getpid():
        with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
            json.dump(asdict(replace(found, pid=0)), file)
        Path(file.name).replace(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a state file: two kernels that start at once get one server."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
