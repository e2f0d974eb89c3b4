"""Pictures: PNG, and one frame a date as GIF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence

from jeoview.errors import CancelledByUser, ParameterError
from jeoview.export import EXITS, Animation
from jeoview.export.frames import on_paper
from jeoview.export.request import request
from jeoview.graph import parameter
from jeoview.grid import Grid
from jeoview.operators.colour import _gradient
from jeoview.projection import WEB_MERCATOR, WGS84, transform_bounds
from tests.unit.export_world import CRS, Scene, World, leave, numbers

HEIGHT, WIDTH = 300, 500
OWN = (600_000.0, 5_000_000.0 - HEIGHT * 10, 600_000.0 + WIDTH * 10, 5_000_000.0)
BOX = transform_bounds(CRS, WGS84, OWN)
DAYS = ("2023-05-01", "2023-05-11", "2023-05-31")


def ndvi(image: Any) -> Any:
    return image.ndvi().colormap("RdYlGn", vmin=-1, vmax=1)


def to_gif(image: Any, *args: Any, **kwargs: Any) -> Animation:
    found = EXITS["to_gif"](image, *args, **kwargs)
    assert isinstance(found, Animation)
    return found


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def world(jeoview_home: Path) -> World:
    """Four days: one whole, one as two scenes that overlap, one without a valid pixel, one whole."""
    left, right = numbers(2, HEIGHT, 300), numbers(3, HEIGHT, 300)
    return World(
        jeoview_home,
        [
            Scene("a", "2023-05-01T10:00:00Z", numbers(1, HEIGHT, WIDTH)),
            Scene("left", "2023-05-11T10:00:00Z", left),
            Scene("right", "2023-05-11T10:00:14Z", right, left=602_000.0),
            Scene("empty", "2023-05-21T10:00:00Z", np.zeros((2, HEIGHT, WIDTH), np.uint16)),
            Scene("d", "2023-05-31T10:00:00Z", numbers(4, HEIGHT, WIDTH)),
        ],
    )


def grid_of(world: World, width: int) -> Grid:
    west, south, east, north = transform_bounds(WGS84, WEB_MERCATOR, BOX)
    area = (west, south, east, north)
    return request(world.image(), area, crs=WEB_MERCATOR, resolution=(east - west) / width).grid


def frames(path: Path) -> list[np.ndarray]:
    with Pillow.open(path) as file:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(file)]


def test_frames_are_the_engines_pixels(world: World, out: Path) -> None:
    """Pixel by pixel, by way of the engine and the chain of each day written by hand."""
    made = to_gif(world.image(), out / "x.gif", ndvi, BOX, width=320, label=False)
    assert (made.dates, made.skipped) == (DAYS, ("2023-05-21",))
    found = frames(out / "x.gif")
    assert len(found) == 3
    assert found[0].shape == (made.height, made.width, 3)
    assert made.width == 320
    grid = grid_of(world, 320)
    for frame, scenes in zip(found, (["a"], ["left", "right"], ["d"]), strict=True):
        alone = World(world.folder, [scene for scene in world.scenes if scene.name in scenes])
        raster = world.engine.render(ndvi(alone.image().mosaic()).node, grid)
        rgba = raster.rgba().transpose(1, 2, 0)
        np.testing.assert_array_equal(frame, np.where(rgba[..., 3:] > 0, rgba[..., :3], 255))


def test_time_goes_on(world: World, out: Path) -> None:
    to_gif(world.image(), out / "x.gif", ndvi, BOX, width=64, fps=4)
    with Pillow.open(out / "x.gif") as file:
        assert [frame.info["duration"] for frame in ImageSequence.Iterator(file)] == [250] * 3
        assert file.info["loop"] == 0


def test_label_stands_in_its_corner_and_nowhere_else(world: World, out: Path) -> None:
    to_gif(world.image(), out / "with.gif", ndvi, BOX, width=320)
    to_gif(world.image(), out / "without.gif", ndvi, BOX, width=320, label=False)
    for one, other in zip(frames(out / "with.gif"), frames(out / "without.gif"), strict=True):
        rows, cols = np.nonzero((one != other).any(axis=2))
        assert 0 < rows.max() < 30
        assert 0 < cols.max() < 120
        corner = one[:20, :60].reshape(-1, 3)
        # Paper, and one ink that is easy to read on it.
        assert (corner == 255).all(axis=1).mean() > 0.4


def test_legend_has_all_colours_below_the_picture(world: World, out: Path) -> None:
    made = to_gif(world.image(), out / "x.gif", ndvi, BOX, width=320, legend=True)
    bare = to_gif(world.image(), out / "y.gif", ndvi, BOX, width=320)
    assert made.height == bare.height + 46
    frame = frames(out / "x.gif")[0]
    np.testing.assert_array_equal(frame[: bare.height], frames(out / "y.gif")[0])
    bar = frame[bare.height + 10]
    assert len(np.unique(bar, axis=0)) > 200


def test_class_legend(world: World, out: Path) -> None:
    def classes(image: Any) -> Any:
        return (image["red"] > 0.5).colormap(classes={0: ("dark", "#102030"), 1: ("bright", "#f0e0d0")})

    to_gif(world.image(), out / "x.gif", classes, BOX, width=320, legend=True)
    strip = frames(out / "x.gif")[0][-46:]
    colours = {tuple(colour) for colour in strip.reshape(-1, 3).tolist()}
    assert colours == {(255, 255, 255), (0, 0, 0), (16, 32, 48), (240, 224, 208)}


def test_true_colour_is_reduced_and_near(world: World, out: Path) -> None:
    def true_colour(image: Any) -> Any:
        return image.focal_mean(5).rgb("red", "nir", "red")

    to_gif(world.image(), out / "x.gif", true_colour, BOX, width=200, label=False)
    found = frames(out / "x.gif")
    assert len(found) == 3
    alone = World(world.folder, world.scenes[:1]).image().mosaic()
    rgba = world.engine.render(true_colour(alone).node, grid_of(world, 200)).rgba().transpose(1, 2, 0)
    expected = np.where(rgba[..., 3:] > 0, rgba[..., :3], 255)
    assert len(np.unique(found[0].reshape(-1, 3), axis=0)) <= 254
    assert np.abs(found[0].astype(int) - expected).mean() < 6


def test_simulated_data_are_called_so(jeoview_home: Path, out: Path) -> None:
    scenes = [Scene("a", "2023-05-01T10:00:00Z", numbers(1, 60, 200))]
    plain = World(jeoview_home, scenes)
    box = transform_bounds(CRS, WGS84, scenes[0].bounds)
    to_gif(plain.image(), out / "plain.gif", ndvi, box, width=400)
    to_gif(World(jeoview_home, scenes, simulated=True).image(), out / "simulated.gif", ndvi, box, width=400)
    one, other = frames(out / "plain.gif")[0], frames(out / "simulated.gif")[0]
    _, cols = np.nonzero((one != other).any(axis=2))
    # The label is longer by a word.
    assert cols.max() - cols.min() > 40


def test_sliders_stand_where_they_are_put(world: World, out: Path) -> None:
    def shown(image: Any) -> Any:
        top = parameter("top", 1.0, min=0, max=2)
        return image.ndvi().colormap("viridis", vmin=-1, vmax=top)

    for name, values in (("default", {}), ("one", {"top": 1.0}), ("two", {"top": 2.0})):
        to_gif(world.image(), out / f"{name}.gif", shown, BOX, width=64, parameters=values)
    default, one, two = ((out / f"{name}.gif").read_bytes() for name in ("default", "one", "two"))
    assert default == one != two


def test_bad_input_is_named(world: World, out: Path) -> None:
    series = world.image()
    cases: list[tuple[str, Any, dict[str, Any]]] = [
        ("fps is 0", ndvi, {"fps": 0}),
        ("fps is 'fast'", ndvi, {"fps": "fast"}),
        ("width is 3", ndvi, {"width": 3}),
        ("width is 300.0", ndvi, {"width": 300.0}),
        ("gave bands for 2023-05-01; expected colour", lambda image: image.ndvi(), {}),
        ("gave int for 2023-05-01", lambda _: 3, {}),
        ("no parameter 'nothing'", ndvi, {"parameters": {"nothing": 1}}),
    ]
    for message, shown, arguments in cases:
        with pytest.raises(ParameterError, match=message):
            to_gif(series, out / "x.gif", shown, BOX, **arguments)
    with pytest.raises(ParameterError, match=r"ends in \.gif"):
        to_gif(series, out / "x.mp4", ndvi, BOX)
    with pytest.raises(ParameterError, match=r"before \.median"):
        to_gif(series.median(), out / "x.gif", ndvi, BOX)
    with pytest.raises(ParameterError, match="no scene of the collection"):
        to_gif(series, out / "x.gif", ndvi, (0, 0, 1, 1))
    empty = World(world.folder, [scene for scene in world.scenes if scene.name == "empty"])
    with pytest.raises(ParameterError, match="none of the 1 dates has a valid pixel"):
        to_gif(empty.image(), out / "x.gif", ndvi, BOX)
    assert not list(out.iterdir())


def test_stopping_leaves_nothing(world: World, out: Path) -> None:
    (out / "x.gif").write_text("the animation of yesterday")
    calls = 0

    def stopped(image: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return ndvi(image)

    with pytest.raises(CancelledByUser, match=r"x\.gif was stopped"):
        to_gif(world.image(), out / "x.gif", stopped, BOX, width=64)
    assert [path.name for path in out.iterdir()] == ["x.gif"]
    assert (out / "x.gif").read_text() == "the animation of yesterday"


def test_ink_can_be_read_on_every_palette() -> None:
    """Contrast of at least 4.5 on white or black, for what people use."""
    for name in ("RdYlGn", "viridis", "Greys", "Reds", "cyclic", "YlOrBr_r", "cividis", "coolwarm"):
        colours, ink, paper = on_paper(_gradient(name).tobytes())
        rgb = np.frombuffer(colours, np.uint8).reshape(256, 3)
        assert _contrast(rgb[ink], rgb[paper]) >= 4.5, name
        np.testing.assert_array_equal(rgb[1:], _gradient(name)[1:, :3])
    # Pale colours only: black paper under them.
    colours, ink, paper = on_paper(_gradient(("#ffffe0", "#ffffff")).tobytes())
    assert tuple(colours[3 * paper : 3 * paper + 3]) == (0, 0, 0)


def _contrast(one: np.ndarray, other: np.ndarray) -> float:
    def light(colour: np.ndarray) -> float:
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour / 255]
        return float(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])

    a, b = sorted((light(one), light(other)))
    return float((b + 0.05) / (a + 0.05))


# -- PNG -----------------------------------------------------------------------------------------


def test_png_is_what_the_engine_gives(world: World, out: Path) -> None:
    image = ndvi(world.image().median())
    path = leave(image, "to_png", out / "x.png", bounds=OWN, crs=CRS, resolution=10)
    expected = world.engine.render(image.node, request(image, OWN, crs=CRS, resolution=10).grid).rgba()
    with Pillow.open(path) as file:
        assert file.mode == "P"
        found = np.asarray(file.convert("RGBA")).transpose(2, 0, 1)
    assert (found[3] == expected[3]).all()
    np.testing.assert_array_equal(found[:, expected[3] > 0], expected[:, expected[3] > 0])


def test_png_by_width_with_legend(world: World, out: Path) -> None:
    image = ndvi(world.image().median())
    plain = leave(image, "to_png", out / "x.png", width=400)
    with_legend = leave(image, "to_png", out / "y.png", width=400, legend=True)
    with Pillow.open(plain) as one, Pillow.open(with_legend) as other:
        assert one.width == other.width == 400
        assert other.height > one.height + 30
        np.testing.assert_array_equal(np.asarray(one.convert("RGBA"))[..., 3], np.asarray(other)[: one.height, :, 3])


def test_png_needs_colour_and_one_size(world: World, out: Path) -> None:
    with pytest.raises(ParameterError, match=r"ends in bands \(ndvi\); add .colormap"):
        leave(world.image().median().ndvi(), "to_png", out / "x.png", zoom=10)
    with pytest.raises(ParameterError, match=r"in the place of zoom="):
        leave(ndvi(world.image().median()), "to_png", out / "x.png", zoom=10, width=100)
    with pytest.raises(ParameterError, match=r"ends in \.png"):
        leave(ndvi(world.image().median()), "to_png", out / "x.jpeg", zoom=10)
    assert not list(out.iterdir())
