"""Where data come from, and what is advised: short on the map, whole where one asks."""

from __future__ import annotations

from html.parser import HTMLParser

from jeoview.widgets.legend import legends_html, sources_html
from jeoview.widgets.messages import Messages

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
