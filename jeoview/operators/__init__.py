"""Every operator, one file per family; importing this package fills the registry."""

from jeoview.operators import (
    algebra,
    bands,
    change,
    colour,
    fit,
    focal,
    index,
    insar,
    insar_decompose,
    insar_quality,
    insar_ramp,
    quality,
    reducers,
    region,
    source,
    velocity,
)

__all__ = [
    "algebra",
    "bands",
    "change",
    "colour",
    "fit",
    "focal",
    "index",
    "insar",
    "insar_decompose",
    "insar_quality",
    "insar_ramp",
    "quality",
    "reducers",
    "region",
    "source",
    "velocity",
]
