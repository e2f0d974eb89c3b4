"""Where data come from, and what is advised: short on the map, whole where one asks."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.engine import Engine
from jeoview.image import Image
from jeoview.widgets import Map
from jeoview.widgets.legend import legends_html, readable, sources_html
from jeoview.widgets.messages import Messages
from tests.unit.test_widgets import FakeSession

TITLES = ["Track A, ascending", "Geometry of track A", "Track A, ascending", "Track B, <i>descending</i>"]


class Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.titles, self.tags = "", list[str | None](), list[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.titles += [value for name, value in attrs if name == "title"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_many_sources_are_one_line_and_all_of_them_stand_where_the_mouse_points() -> None:
    found = Text(sources_html(TITLES))
    assert found.text == "Track A, ascending and 2 more"
    assert found.titles == ["Track A, ascending\nGeometry of track A\nTrack B, <i>descending</i>"]
    assert found.tags == ["span"]
    assert found.text in Text(legends_html(["part"], TITLES)).text


def test_one_source_is_said_as_it_is_and_none_takes_no_room() -> None:
    assert Text(sources_html(["Track <b>", "", "Track <b>"])).text == "Track <b>"
    assert sources_html([""]) == sources_html([]) == ""
    assert "jv-note" not in legends_html(["part"], [])


def test_a_legend_names_a_file_as_people_do_and_the_credit_in_full(data_dir: Path, jeoview_home: Path) -> None:
    m = Map(basemap="none", session=FakeSession())
    layer = m.add(
        jv.open(str(data_dir / "eo-tools-morocco-ifg" / "coh_vv.tif")).colormap("gray", vmin=0, vmax=1), "Coherence"
    )
    found = Text(m._scene.frame._legend.value)
    assert found.text.endswith("coh vv")
    assert "coh_vv.tif" in found.titles
    (shown,) = m._scene.stage.layers
    assert (layer.sources, shown.attribution) == (("coh_vv.tif",), "coh_vv.tif")


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Copernicus_DSM_COG_10_N19_00_DEM.TIF", "Copernicus DSM COG 10 N19 00 DEM"),
        ("20180106_20180130.geo.unw.tif", "20180106 20180130.geo.unw"),
        ("velocity.h5", "velocity"),
        ("Files *.tif", "Files *.tif"),
        ("Interferograms pyrate_cropa", "Interferograms pyrate_cropa"),
        ("Sentinel-2 L2A, v1.2", "Sentinel-2 L2A, v1.2"),
        (".tif", ".tif"),
        ("_.tif", "_.tif"),
    ],
)
def test_titles_that_are_names_of_files_lose_their_ending(title: str, shown: str) -> None:
    assert readable(title) == shown
    found = Text(legends_html(["part"], [title]))
    assert found.text == f"part{shown}"
    assert found.titles == ([] if shown == title else [title])


def test_the_same_advice_for_several_layers_is_said_once() -> None:
    messages = Messages()
    for name in ("Up", "East", "<b>North"):
        messages.advise(name, "copy the stack once")
    messages.advise("Fires", "zoom in")
    found = Text(messages.widget.value)
    assert found.text == "Up and 2 morecopy the stack onceFireszoom in"
    assert found.titles == ["Up, East, <b>North"]
    messages.forget("Up")
    assert Text(messages.widget.value).text.startswith("East and 1 more")
    messages.advise("East", "")
    assert Text(messages.widget.value).text == "<b>Northcopy the stack onceFireszoom in"


def test_the_source_of_what_is_shown_comes_before_that_of_its_mask(tmp_path: Path, jeoview_home: Path) -> None:
    def opened(name: str) -> Image:
        with rasterio.open(
            tmp_path / f"{name}.tif",
            "w",
            driver="GTiff",
            height=8,
            width=8,
            count=1,
            dtype="float32",
            crs="EPSG:4326",
            transform=from_origin(10.0, 45.0, 0.01, 0.01),
        ) as file:
            file.write(np.ones((8, 8), np.float32), 1)
        return jv.open(tmp_path / f"{name}.tif")

    velocity, coherence, height = (opened(name) for name in ("velocity", "coherence", "another"))
    chosen = coherence > 0.5
    engine = Engine.default()
    assert engine.sources(velocity.mask(chosen).node) == ("velocity.tif", "coherence.tif")
    assert engine.sources((velocity - height).mask(chosen).node) == ("velocity.tif", "another.tif", "coherence.tif")
    assert engine.sources(jv.where(chosen, velocity, height).node) == ("velocity.tif", "another.tif", "coherence.tif")
    assert engine.credits(velocity.mask(velocity > coherence).node) == "velocity.tif, coherence.tif"
