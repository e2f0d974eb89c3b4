"""Satellite products in folders, one module a family, and any other raster."""

from __future__ import annotations

from jeoview.io.products.common import RASTER_SUFFIXES, Product
from jeoview.io.products.generic import FileOptions
from jeoview.io.products.scan import PRODUCTS, Scan, scan_folder

__all__ = ["PRODUCTS", "RASTER_SUFFIXES", "FileOptions", "Product", "Scan", "scan_folder"]
