"""From the pairs of a collection to displacement, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jeoview.collection.empty import check_reference
from jeoview.collection.network import dates_of
from jeoview.collection.said import warn_of_gaps
from jeoview.errors import warn
from jeoview.image import Image, apply
from jeoview.io.footprint import covered

if TYPE_CHECKING:
    from jeoview.collection.interferograms import InterferogramCollection

# Share of a stack that the first date must cover for nothing to be said: frames of one track differ a little at their edges.
LEAST = 0.9


def invert(self: InterferogramCollection, method: str = "sbas", weight: str = "none", **options: Any) -> Image:
    """Displacement at every date, from the pairs by least squares, pixel by pixel.

    Parameters
    ----------
    method : {"sbas", "nsbas"}
        NSBAS bridges subsets that no pair connects by a steady velocity; SBAS leaves them NaN. A pixel that does not see
        the first date has no series with SBAS; with NSBAS it has the velocity of the dates that it sees.
    weight : {"none", "coherence", "fisher", "variance"}
        How a pair counts.
    **options
        More of the operator ``invert``, for instance ``min_coherence``; slider parameters may stand there.

    Returns
    -------
    Image
        Series of one band ``displacement``, metres since the first date, positive towards the satellite. With SBAS NaN
        where a date is not connected to the first one, with NSBAS where no pair shows the date.

    Raises
    ------
    ParameterError
        If no reference was chosen: an interferogram keeps an arbitrary constant; or no pair has data there. The place is
        read for that, once; nothing else is.

    Warns
    -----
    UserWarning
        If pairs do not connect all dates, or those with data at the reference do not; or if, with SBAS, the pairs of the
        first date leave a part of the stack without any.
    """
    image = self.referenced("invert")
    if method == "sbas":
        warn_of_gaps(self.subsets(), "invert")
        _warn_of_the_first_date(self)
    check_reference(self, image, "invert", bridged=method == "nsbas")
    values = {"wavelength": self.wavelength, **_weighting(self, method, weight, options)}
    return apply("invert", (image,), values)


def _warn_of_the_first_date(self: InterferogramCollection) -> None:
    """Where a scene lies is known before a pixel is read; holes inside of it are not."""
    first, boxes = self.dates[0], [item.bbox for item in self.items]
    seen = {item.id: item.bbox for item in self.items if str(dates_of(item)[0]) == first}
    west, south, east, north = zip(*boxes, strict=True)
    whole = (min(west), min(south), max(east), max(north))
    share = covered(whole, list(seen.values())) / covered(whole, boxes)
    if share < LEAST:
        warn(
            f"invert: the pairs of the first date, {first}, cover {share:.0%} of the stack. Displacement is counted from "
            'there, so that the rest gets none, and no velocity. method="nsbas" has the velocity of the dates that a pixel '
            f"sees; without the first date the next one takes its place: .filter_pairs(drop={list(seen)})",
        )


def quality(self: InterferogramCollection, method: str = "sbas", weight: str = "none", **options: Any) -> Image:
    """How well the pairs of a pixel agree with `invert` of the same options: the operator ``inversion_quality``.

    ``pair_count``, ``gap_count`` and ``unused_count`` are numbers wherever a pair has phase, also where the pixel does not
    see the first date and SBAS gives no series.

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
