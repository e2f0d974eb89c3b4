"""What listens to clicks on a map: inspectors, references, coherence matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol

from jeoview.describe import options_of
from jeoview.graph import walk
from jeoview.image import Image
from jeoview.operators.motion_fit import LINEAR, Fit
from jeoview.projection import Bounds
from jeoview.widgets.inspector import Inspector
from jeoview.widgets.layers import MapLayer
from jeoview.widgets.matrix import CoherenceMatrix
from jeoview.widgets.reference import ReferencePoint, Show
from jeoview.widgets.reference_words import Stack
from jeoview.widgets.scene import Scene


def fit_of(series: Image, shown: Sequence[Image]) -> Fit:
    """The model of the velocity of a series that a map shows; a line where it shows none, or several of other models."""
    nodes = [node for image in shown for node in walk(image.node) if node.operator == "velocity"]
    names = [field.name for field in fields(Fit)]
    found = {
        Fit(**{name: options_of(node)[name] for name in names})
        for node in nodes
        if series.node in node.children and not node.own_parameters
    }
    return found.pop() if len(found) == 1 else LINEAR


class Shown(Protocol):
    """What the tools need of a map."""

    @property
    def layers(self) -> tuple[MapLayer, ...]:
        """From the bottom to the top."""

    def add(self, image: Image, name: str | None = None) -> MapLayer:
        """Show an image."""


class Tools:
    """The tools of one map; one of the same kind and name takes the place of the former.

    Parameters
    ----------
    scene : Scene
        Its state.
    shown : Shown
        Its layers.
    look_at : function
        Brings an area into view unless the user has said where to look.
    """

    def __init__(self, scene: Scene, shown: Shown, look_at: Callable[[Bounds], None]) -> None:
        self._scene, self._map, self._look_at = scene, shown, look_at
        self._inspectors: dict[str, Inspector] = {}
        self._references: dict[str, ReferencePoint] = {}
        self._matrices: dict[str, CoherenceMatrix] = {}

    def inspector(self, image: Image | None, name: str, model: str | None = None) -> Inspector:
        """Add an inspector: of an image, or of the layers that are seen; ``model`` is that of the curve of a series."""
        _leave(self._inspectors, name)

        def subjects() -> Sequence[tuple[str, Image]]:
            if image is not None:
                return [(name, self._follow(image))]
            return [(layer.name, layer.image) for layer in reversed(self._map.layers) if layer.visible]

        def fit(series: Image) -> Fit:
            return Fit(model) if model is not None else fit_of(series, [layer.image for layer in self._map.layers])

        scene = self._scene
        made = Inspector(
            scene.window, subjects, name, lambda: dict(scene.parameters), scene.guard, lambda: scene.session, fit=fit
        )
        self._inspectors[name] = made
        scene.frame.append(made.widget)
        return made

    def reference(self, stack: Stack, show: Show, name: str) -> ReferencePoint:
        """Add a stack with its reference point."""

        def changed() -> None:
            # Whatever chose it: what was refused before is over.
            self._scene.messages.forget(f"{name}: reference")
            self._again()

        made = ReferencePoint(
            self._scene.window,
            stack,
            show,
            name,
            place=self._place,
            changed=changed,
            guard=self._scene.guard,
        )
        _leave(self._references, name)
        self._references[name] = made
        self._scene.frame.add_tool(made.widget)
        self._look_at(made.stack.items[0].bbox)
        return made

    def matrix(self, slc: Any, box: tuple[int, int], name: str) -> CoherenceMatrix:
        """Add a coherence matrix."""
        made = CoherenceMatrix(self._scene.window, slc, box, name, self._scene.guard)
        _leave(self._matrices, name)
        self._matrices[name] = made
        self._scene.frame.append(made.widget)
        return made

    def clear(self) -> None:
        """Take them all away, with what they show."""
        for tools in (self._inspectors, self._references, self._matrices):
            for name in list(tools):
                _leave(tools, name)

    def _follow(self, image: Image) -> Image:
        for reference in list(self._references.values()):
            image = reference.follow(image)
        return image

    def _again(self) -> None:
        for inspector in list(self._inspectors.values()):
            inspector.again()

    def _place(self, own: frozenset[str], images: Mapping[str, Image]) -> None:
        """Show images; a layer of one's own that was taken off the map stays away, and looks as it was made to look."""
        with self._scene.lock:
            known = {layer.name: layer for layer in self._map.layers}
            for name, image in images.items():
                if name not in own:
                    self._map.add(image, name)
                elif name in known:
                    known[name].image = image
            for name in own - images.keys():
                if name in known:
                    self._scene.remove(known[name])


def _leave(tools: dict[str, Any], name: str) -> None:
    former = tools.pop(name, None)
    if former is not None:
        former.close()
