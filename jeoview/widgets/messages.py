"""The message bar under a map: what failed, in words. Nothing that fails in a callback is swallowed."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets

from jeoview.errors import JeoviewError

SHOWN_PER_SOURCE = 3


Source = tuple[str, str]  # what is shown as its name, and what of it speaks


class Messages:
    """Messages by source; a source that is well again clears its own.

    Attributes
    ----------
    widget : ipywidgets.HTML
        Takes no room while there is nothing to say.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._texts: dict[Source, tuple[str, ...]] = {}
        self._details: dict[Source, str] = {}
        self._advice: dict[Source, str] = {}
        self.widget = ipywidgets.HTML(layout=ipywidgets.Layout(display="none", margin="0"))
        self.widget.add_class("jv-messages")

    @property
    def texts(self) -> tuple[str, ...]:
        """Every message, in the order of its source's first one."""
        return tuple(text for texts in list(self._texts.values()) for text in texts)

    def about(self, name: str) -> bool:
        """Whether there is a message under this name."""
        return any(source[0] == name for source in list(self._texts))

    def say(self, source: Source, texts: Sequence[str], detail: str = "") -> None:
        """Replace what a source says; no text clears it."""
        found = tuple(dict.fromkeys(texts))
        with self._lock:
            if found == self._texts.get(source, ()) and detail == self._details.get(source, ""):
                return
            if found:
                self._texts[source], self._details[source] = found, detail
            else:
                self._texts.pop(source, None)
                self._details.pop(source, None)
            self._show()

    def advise(self, name: str, text: str, about: str = "hint") -> None:
        """Say what would help or is under way, where nothing failed; it is none of `texts`. No text clears it."""
        with self._lock:
            if text != self._advice.get((name, about), ""):
                self._advice = {key: value for key, value in {**self._advice, (name, about): text}.items() if value}
                self._show()

    def forget(self, name: str) -> None:
        """Clear all that is said under a name."""
        for about in [about for other, about in list(self._advice) if other == name]:
            self.advise(name, "", about)
        for source in [source for source in list(self._texts) if source[0] == name]:
            self.say(source, ())

    def guard(self, name: str, function: Callable[..., None]) -> Callable[..., None]:
        """Wrap a callback: what it raises is shown under the map until it works again."""
        source = (name, function.__qualname__)

        def guarded(*arguments: Any, **options: Any) -> None:
            try:
                function(*arguments, **options)
            except JeoviewError as error:
                self.say(source, [str(error)])
            except Exception as error:  # noqa: BLE001 - the last place where a fault of ours can still be seen
                self.say(source, [f"{type(error).__name__}: {error}"], traceback.format_exc())
            else:
                self.say(source, ())

        return guarded

    def _show(self) -> None:
        advice = [
            f'<div class="jv-message jv-advice" role="status"><b>{_names(names)}</b><div>{escape(text)}</div></div>'
            for text, names in self._advised().items()
        ]
        self.widget.value = "".join([*(self._html(source) for source in self._texts), *advice])
        self.widget.layout.display = None if self._texts or self._advice else "none"

    def _advised(self) -> dict[str, list[str]]:
        """Each text once, and whom it is for: tracks of the same kind get the same advice."""
        advised: dict[str, list[str]] = {}
        for (name, _), text in self._advice.items():
            advised.setdefault(text, []).append(name)
        return advised

    def _html(self, source: Source) -> str:
        texts = self._texts[source]
        lines = [f"<div>{escape(text)}</div>" for text in texts[:SHOWN_PER_SOURCE]]
        if len(texts) > SHOWN_PER_SOURCE:
            lines.append(f"<div>and {len(texts) - SHOWN_PER_SOURCE} more</div>")
        if self._details[source]:
            lines.append(f"<details><summary>Details</summary><pre>{escape(self._details[source])}</pre></details>")
        return f'<div class="jv-message" role="alert"><b>{escape(source[0])}</b><div>{"".join(lines)}</div></div>'


def _names(names: Sequence[str]) -> str:
    first, *others = names
    if not others:
        return escape(first)
    return f'<span title="{escape(", ".join(names))}">{escape(first)} and {len(others)} more</span>'
