"""``python -m jeoview.demo``: prepare the demo collections."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from jeoview.demo.build import PLANS, prepare
from jeoview.demo.insar import prepare_insar
from jeoview.demo.slc import prepare_slc
from jeoview.errors import JeoviewError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m jeoview.demo", description=__doc__)
    parser.add_argument(
        "--size", choices=sorted(PLANS), default="full", help="small: less of the same ground, fewer days"
    )
    parser.add_argument("--home", type=Path, help="folder of the cache (default: JEOVIEW_HOME or the platform's)")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        folder = prepare(options.home, options.size, not options.quiet)
        others = [make(options.home, options.size, not options.quiet).name for make in (prepare_insar, prepare_slc)]
    except JeoviewError as error:
        print(f"jeoview: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing half-done is left.", file=sys.stderr)
        return 130
    took = time.monotonic() - began
    print(
        f"Demo collections (simulated) are ready in {folder} and {' and '.join(others)} beside it after {took:.1f} s."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
