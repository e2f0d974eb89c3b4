"""From the pairs of a collection to displacement, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jeoview.collection.empty import check_reference
from jeoview.collection.said import warn_of_gaps
from jeoview.errors import warn
from jeoview.image import Image, apply

if TYPE_CHECKING:
    from jeoview.collection.interferograms import InterferogramCollection


def invert(self: InterferogramCollection, method: str = "sbas", weight: str = "none", **options: Any) -> Image:
    """Displacement at every date, from the pairs by least squares, pixel by pixel.

    Parameters
    ----------
    method : {"sbas", "nsbas"}
        NSBAS bridges subsets that no pair connects by a steady velocity; SBAS leaves them NaN.
    weight : {"none", "coherence", "fisher", "variance"}
        How a pair counts.
    **options
        More of the operator ``invert``, for instance ``min_coherence``; slider parameters may stand there.

    Returns
    -------
    Image
        Series of one band ``displacement``, metres, positive towards the satellite, 0 at the first date; NaN
        where a date is not connected to the first one.

    Raises
    ------
    ParameterError
        If no reference was chosen: an interferogram keeps an arbitrary constant; or no pair has data there. The place is
        read for that, once; nothing else is.

    Warns
    -----
    UserWarning
        If pairs do not connect all dates, or those with data at the reference do not.
    """
    image = self.referenced("invert")
    if method == "sbas":
        warn_of_gaps(self.subsets(), "invert")
    check_reference(self, image, "invert", bridged=method == "nsbas")
    values = {"wavelength": self.wavelength, **_weighting(self, method, weight, options)}
    return apply("invert", (image,), values)


def quality(self: InterferogramCollection, method: str = "sbas", weight: str = "none", **options: Any) -> Image:
    """How well the pairs of a pixel agree with `invert` of the same options: the operator ``inversion_quality``.

    Where a pixel has no more pairs than they connect dates they agree whatever they hold: the temporal coherence is 1 there.
    ``pairs_without_loop`` of `loop_closure` and ``n_ifg_noloop`` of `noise_indices` count the pairs that nothing checks.

    Raises
    ------
    ParameterError
        If no reference was chosen, or no pair has data there; the place is read for that, once.

    Warns
    -----
    UserWarning
        If no pair of the whole network is checked by others.
    """
    image = self.referenced("quality")
    if len(self) == len(self.dates) - len(self.subsets()):
        warn(
            f"quality: the {len(self)} pairs connect {len(self.dates)} dates without any loop, so that they agree whatever "
            "they hold: the temporal coherence is 1 everywhere and says nothing. Choose more pairs",
        )
    check_reference(self, image, "quality", bridged=True)
    return apply("inversion_quality", (image,), _weighting(self, method, weight, options))


def _weighting(self: InterferogramCollection, method: str, weight: str, options: Mapping[str, Any]) -> dict[str, Any]:
    looks = self.items[0].properties.get("jeoview:looks")
    known = {} if looks is None or weight not in ("fisher", "variance") else {"looks": float(looks)}
    return {"method": method, "weight": weight, **known, **options}
