"""The capabilities of a chain as a web map tile service (OGC 07-057r7), tiles by address."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

from tileserver.address import MAX_ZOOM
from tileserver.chains import ChainInfo

# As in `jeoview.grid`, which brings numpy and PROJ: the server starts without them.
EARTH_HALF = math.pi * 6_378_137.0
TILE_SIZE = 256
_WORLD = (-180.0, -85.0511, 180.0, 85.0511)
# A pixel of OGC's standard screen has 0.28 mm.
_SCREEN_PIXEL = 0.00028

_DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1"
 xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0">
<ows:ServiceIdentification><ows:Title>jeoview</ows:Title><ows:ServiceType>OGC WMTS</ows:ServiceType>
<ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion></ows:ServiceIdentification>
<Contents>
<Layer><ows:Title>{title}</ows:Title><ows:Abstract>{abstract}</ows:Abstract>
<ows:WGS84BoundingBox><ows:LowerCorner>{west} {south}</ows:LowerCorner>
<ows:UpperCorner>{east} {north}</ows:UpperCorner></ows:WGS84BoundingBox>
<ows:Identifier>{key}</ows:Identifier>
<Style isDefault="true"><ows:Identifier>default</ows:Identifier></Style>
<Format>image/png</Format>
<TileMatrixSetLink><TileMatrixSet>WebMercatorQuad</TileMatrixSet></TileMatrixSetLink>
<ResourceURL format="image/png" resourceType="tile" template="{template}"/>
</Layer>
<TileMatrixSet><ows:Identifier>WebMercatorQuad</ows:Identifier>
<ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS>
{matrices}
</TileMatrixSet>
</Contents>
<ServiceMetadataURL xlink:href="{url}"/>
</Capabilities>
"""
_MATRIX = """<TileMatrix><ows:Identifier>{zoom}</ows:Identifier><ScaleDenominator>{scale!r}</ScaleDenominator>
<TopLeftCorner>{left!r} {top!r}</TopLeftCorner><TileWidth>{size}</TileWidth><TileHeight>{size}</TileHeight>
<MatrixWidth>{count}</MatrixWidth><MatrixHeight>{count}</MatrixHeight></TileMatrix>"""


def capabilities(chain: ChainInfo, root: str) -> bytes:
    """The document of one chain.

    Parameters
    ----------
    chain : ChainInfo
        The one layer; its sliders stand at their defaults.
    root : str
        Absolute address of the server as the client sees it.
    """
    west, south, east, north = chain.bbox or _WORLD
    document = _DOCUMENT.format(
        title=escape(chain.name),
        abstract=escape(chain.attribution),
        west=west,
        south=south,
        east=east,
        north=north,
        key=chain.key,
        template=_attribute(f"{root}tiles/{chain.key}/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.png"),
        matrices="\n".join(_matrix(zoom) for zoom in range(MAX_ZOOM + 1)),
        url=_attribute(f"{root}chains/{chain.key}/WMTSCapabilities.xml"),
    )
    return document.encode()


def _matrix(zoom: int) -> str:
    count = 1 << zoom
    scale = 2 * EARTH_HALF / (TILE_SIZE * count) / _SCREEN_PIXEL
    return _MATRIX.format(zoom=zoom, scale=scale, left=-EARTH_HALF, top=EARTH_HALF, size=TILE_SIZE, count=count)


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})
