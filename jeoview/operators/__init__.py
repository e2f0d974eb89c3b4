"""Every operator, one file per family; importing this package fills the registry."""

from jeoview.operators import source

__all__ = ["source"]
