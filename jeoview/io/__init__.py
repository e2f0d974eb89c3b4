"""Everything that touches rasters: read and warp, formats in, formats out."""
