"""A wrong call of a collection is answered with what it takes, as that of an operator is."""

from __future__ import annotations

import inspect

from jeoview.recipes import with_advice


def advise(*classes: type) -> None:
    """Let the constructor and the public methods of classes say which names they know.

    Parameters
    ----------
    *classes : type
        Collections.
    """
    for cls in classes:
        for name, value in list(vars(cls).items()):
            if isinstance(value, classmethod):
                setattr(cls, name, classmethod(with_advice(f"{cls.__name__}.{name}", value.__func__)))
            elif inspect.isfunction(value) and (name == "__init__" or not name.startswith("_")):
                setattr(cls, name, with_advice(cls.__name__ if name == "__init__" else name, value))
