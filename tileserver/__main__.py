"""``python -m tileserver``."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from functools import partial

from jeoview.errors import ParameterError, ServerError
from jeoview.settings import settings
from tileserver.process import WorkerProcess
from tileserver.settings import parse


def main(arguments: list[str]) -> int:
    """Serve until a signal, or until the last owner is gone; exit code 1 for a port that is taken, 2 for arguments that make no sense."""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s server {os.getpid()} %(levelname)s %(message)s")
    try:
        ours, jeoview = parse(arguments), settings()
        if jeoview.store == "memory:":
            raise ParameterError(
                "the store memory: lives in one process alone; a tile server needs sqlite:/// or redis://"
            )
    except ParameterError as error:
        logging.error("%s", error)
        return 2
    spawn = partial(WorkerProcess, ours.engine)
    # It imports while this process does: that is most of the time to the first tile.
    first = spawn()
    from tileserver.app import run

    try:
        asyncio.run(run(ours, jeoview, first, spawn))
    except ServerError as error:
        logging.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
