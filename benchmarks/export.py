"""Export of a whole scene's NDVI to a COG: ours, and a script as one writes it with rasterio and numpy.

    python -m benchmarks.export [--scene FILE] [--rounds N]

Each runs in a process of its own, in turn; wall time, processor time and largest memory are reported, and the
ratio within a round. The script reads 512 x 512 windows, computes with numpy and writes a tiled, deflated GeoTIFF;
``script + COG`` then copies it with GDAL's COG driver on all cores, which is what makes overviews and layout equal to
ours; ``plain script`` writes without compression before that copy.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from benchmarks import in_process

STEP = 512
SIDE = in_process.SIZE * in_process.PIXEL
BOUNDS = (in_process.LEFT, in_process.TOP - SIDE, in_process.LEFT + SIDE, in_process.TOP)


def ours(scene: Path, folder: Path) -> None:
    os.environ["JEOVIEW_HOME"] = str(folder)
    from benchmarks.servers import catalogue
    from jeoview.describe import style_base
    from jeoview.export import to_geotiff
    from jeoview.image import Image

    ndvi = Image(style_base(catalogue(folder, scene, BOUNDS, "EPSG:32632").node))
    to_geotiff(ndvi, folder / "ours.tif", bounds=BOUNDS, crs="EPSG:32632", resolution=in_process.PIXEL, progress=False)


def script(scene: Path, folder: Path, **packing: object) -> Path:
    with rasterio.open(scene) as source:
        profile = {
            "driver": "GTiff", "count": 1, "height": source.height, "width": source.width, "dtype": "float32",
            "crs": source.crs, "transform": source.transform, "nodata": float("nan"), **packing,
        }  # fmt: skip
        with rasterio.open(folder / "script.tif", "w", **profile) as target:
            for row in range(0, source.height, STEP):
                for col in range(0, source.width, STEP):
                    window = Window(col, row, min(STEP, source.width - col), min(STEP, source.height - row))
                    target.write(ndvi_of(source.read(window=window)), 1, window=window)
    return folder / "script.tif"


def ndvi_of(stored: np.ndarray) -> np.ndarray:
    red, near_infrared = stored * np.float32(1e-4)
    with np.errstate(invalid="ignore", divide="ignore"):
        ndvi = (near_infrared - red) / (near_infrared + red)
    ndvi[(stored == 0).any(axis=0)] = np.nan
    return ndvi


def tiled_script(scene: Path, folder: Path) -> Path:
    return script(scene, folder, tiled=True, blockxsize=STEP, blockysize=STEP, compress="deflate", predictor=3)


def script_and_cog(scene: Path, folder: Path) -> None:
    _to_cog(tiled_script(scene, folder))


def plain_script_and_cog(scene: Path, folder: Path) -> None:
    _to_cog(script(scene, folder))


def _to_cog(path: Path) -> None:
    options = {"COMPRESS": "DEFLATE", "PREDICTOR": "FLOATING_POINT", "NUM_THREADS": "ALL_CPUS"}
    rasterio.shutil.copy(path, path.with_name("cog.tif"), driver="COG", OVERVIEW_RESAMPLING="AVERAGE", **options)


WAYS: dict[str, Callable[[Path, Path], object]] = {
    "ours": ours,
    "script, no overviews": tiled_script,
    "script + COG": script_and_cog,
    "plain script + COG": plain_script_and_cog,
}


def measured(way: str, scene: Path) -> dict[str, float]:
    """Seconds, seconds of processor, MB of memory at most, MB written; imports and start are not counted in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.export", "--scene", str(scene), "--way", way, "--folder", folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        found["file MB"] = max(path.stat().st_size for path in Path(folder).glob("*.tif")) / 1e6
        return found


def run(way: str, scene: Path, folder: Path) -> None:
    """One measurement, in this process."""
    if way == "ours":
        import jeoview.export  # noqa: F401 - not part of the work
    start, before = time.perf_counter(), time.process_time()
    WAYS[way](scene, folder)
    # Not ru_maxrss: it begins with the size of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    used = int(status["VmHWM"].split()[0]) / 1000
    print(json.dumps({"s": time.perf_counter() - start, "cpu s": time.process_time() - before, "MB": used}))


def compare(scene: Path, rounds: int) -> None:
    results = {way: [] for way in WAYS}  # type: dict[str, list[dict[str, float]]]
    for _ in range(rounds):
        for way, rows in results.items():
            rows.append(measured(way, scene))
    names = list(results["ours"][0])
    print("| way | " + " | ".join(names) + " | times ours | times ours, cpu |")
    print("|---" * (len(names) + 3) + "|")
    for way, rows in results.items():
        cells = [f"{statistics.median(row[name] for row in rows):.1f}" for name in names]
        for name in ("s", "cpu s"):
            pairs = zip(rows, results["ours"], strict=True)
            cells.append(f"{statistics.median(row[name] / own[name] for row, own in pairs):.1f}")
        print(f"| {way} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scene", type=Path, help="the scene of benchmarks.in_process; made where it is not given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        run(arguments.way, arguments.scene, arguments.folder)
    elif arguments.scene:
        compare(arguments.scene, arguments.rounds)
    else:
        with tempfile.TemporaryDirectory() as folder:
            scene = Path(folder) / "scene.tif"
            in_process.make_scene(scene)
            compare(scene, arguments.rounds)


if __name__ == "__main__":
    main()
