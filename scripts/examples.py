"""One example for each entry of docs/collections.md; the tests run all of them, on the small demo and on small files."""

from __future__ import annotations

SETUP = """import jeoview as jv

s2 = jv.ImageCollection("demo-sentinel-2")
stack = jv.InterferogramCollection("demo-insar-asc").reference(lon=-104.983, lat=21.533)
slc = jv.SlcCollection("demo-slc")
velocity = stack.invert().velocity()
box = (-104.92, 21.48, -104.86, 21.54)
"""
# The name that an entry has in the page: its one line of Python.
EXAMPLES = {
    # opening
    "open": 'scene = jv.open("scene.tif", bands=["red", "nir"], common_names={"red": "red", "nir": "nir"}).ndvi()',
    "open_series": 'series = jv.open_series("hawaii/timeseries.h5")',
    "open_points": 'points = jv.open_points("EGMS_L2b_022_0845_IW2_VV_2020_2024_1.csv")',
    "ImageCollection": 'jv.ImageCollection("demo-sentinel-2").bands',
    "ImageCollection.from_files": 'scenes = jv.ImageCollection.from_files("scenes/*.tif", date="%Y%m%d", name="mine")',
    "InterferogramCollection": 'jv.InterferogramCollection("demo-insar-desc")',
    "InterferogramCollection.from_files": (
        'jv.InterferogramCollection.from_files("pairs/*_unw.tif", "pairs/*_cc.tif", wavelength=0.0555, sign="away")'
    ),
    "InterferogramCollection.from_licsar": 'jv.InterferogramCollection.from_licsar("023A_05123_131313")',
    "InterferogramCollection.from_aria": 'jv.InterferogramCollection.from_aria("gunw", height=500)',
    "InterferogramCollection.from_hyp3": 'jv.InterferogramCollection.from_hyp3("hyp3")',
    "InterferogramCollection.from_flatsim": 'jv.InterferogramCollection.from_flatsim("flatsim", name="lake")',
    "InterferogramCollection.from_mintpy": 'jv.InterferogramCollection.from_mintpy("hawaii")',
    "InterferogramCollection.from_opera": 'jv.InterferogramCollection.from_opera("disp")',
    "InterferogramCollection.from_pyrate": 'jv.InterferogramCollection.from_pyrate("pyrate")',
    "SlcCollection": 'jv.SlcCollection("demo-slc").dates',
    "SlcCollection.from_files": 'jv.SlcCollection.from_files("slc/*.tif", wavelength=0.0311)',
    "SlcCollection.from_zarr": 'jv.SlcCollection.from_zarr("zarr")',
    "SlcCollection.from_cslc": 'jv.SlcCollection.from_cslc("cslc/OPERA_L2_CSLC-S1_T064-135518-IW1_*.h5")',
    "SlcCollection.from_description": 'jv.SlcCollection.from_description("gamma/stack.json")',
    # scenes
    "ImageCollection.filter_place": 's2.filter_place("Montebelluna")',
    "ImageCollection.filter_bounds": "s2.filter_bounds((12.0, 45.7, 12.1, 45.8))",
    "ImageCollection.filter_date": 's2.filter_date("2023-05-01", "2023-09-30")',
    "ImageCollection.filter": 's2.filter((jv.prop("eo:cloud_cover") < 20) & (jv.prop("platform") == "sentinel-2a"))',
    "ImageCollection.sort": 's2.sort("-eo:cloud_cover")',
    "ImageCollection.limit": 's2.sort("eo:cloud_cover").limit(3)',
    "ImageCollection.items": "s2.items()[0].id",
    "ImageCollection.count": "s2.count()",
    "ImageCollection.dates": "s2.dates()",
    "ImageCollection.to_frame": 's2.to_frame()[["id", "datetime"]]',
    "ImageCollection.describe": "s2.describe()",
    "ImageCollection.image": 's2.image(resampling="bilinear").median()',
    # interferograms
    "InterferogramCollection.pairs": 'stack.pairs()[["id", "days", "bperp"]]',
    "InterferogramCollection.subsets": "len(stack.subsets())",
    "InterferogramCollection.filter_pairs": "stack.filter_pairs(max_days=60, yearly=12, min_coherence=0.2, keep_tree=True)",
    "InterferogramCollection.measures": "stack.measures(region=box)",
    "InterferogramCollection.date_measures": "stack.date_measures(region=box)",
    "InterferogramCollection.loops": "stack.loops(region=box).head()",
    "InterferogramCollection.reference": "stack.reference(lon=-104.983, lat=21.533, pixels=5)",
    "InterferogramCollection.reference_phase": "stack.reference_phase()",
    "InterferogramCollection.reference_table": "stack.reference_table(stack.image())",
    "InterferogramCollection.referenced": 'stack.referenced("my_method")',
    "InterferogramCollection.report": "print(stack.report())",
    "InterferogramCollection.plot_network": 'stack.plot_network().savefig("network.png")',
    "InterferogramCollection.plot_coherence_matrix": 'stack.plot_coherence_matrix(region=box).savefig("coherence.png")',
    "InterferogramCollection.plot_loop_rms": 'stack.plot_loop_rms(region=box).savefig("loops.png")',
    "InterferogramCollection.plot_loops": 'stack.plot_loops(region=box, count=6).savefig("worst-loops.png")',
    "InterferogramCollection.correct_unwrapping": "stack.correct_unwrapping(min_coherence=0.3).invert()",
    "InterferogramCollection.deramp": "stack.deramp(degree=1, region=box).invert()",
    "InterferogramCollection.correct_height": "stack.correct_height(min_correlation=0.4)",
    "InterferogramCollection.invert": 'stack.invert(method="nsbas", weight="coherence").velocity()',
    "InterferogramCollection.quality": 'stack.quality()["temporal_coherence"]',
    "InterferogramCollection.noise_indices": "stack.noise_indices().bands",
    "InterferogramCollection.noise_mask": 'velocity["velocity"].mask(stack.noise_mask(n_gap=jv.parameter("gaps", 10, min=0, max=60)))',
    "InterferogramCollection.noise_report": "stack.noise_report(region=box)",
    "InterferogramCollection.geometry": 'jv.InterferogramCollection("demo-insar-asc").geometry()["los_up"]',
    "InterferogramCollection.height": 'jv.InterferogramCollection.from_mintpy("hawaii").height()',
    "InterferogramCollection.image": 'stack.image()["coherence"].mean()',
    "InterferogramCollection.cache_stack": 'fast = stack.cache_stack("cached", progress=False)',
    "InterferogramCollection.zoom_at": "stack.zoom_at(21.5)",
    # complex images
    "SlcCollection.filter_date": 'slc.filter_date("2021-01-01", "2022-01-01")',
    "SlcCollection.reference": "slc.reference(lon=-104.902, lat=21.518, metres=300)  # the slowest corner: all of this area sinks",
    "SlcCollection.image": "slc.image().amplitude().mean()",
    "SlcCollection.cache_stack": 'fast = slc.cache_stack("cached", progress=False)',
    "SlcCollection.amplitude_dispersion": "slc.amplitude_dispersion()",
    "SlcCollection.ps_candidates": 'slc.ps_candidates(threshold=jv.parameter("dispersion", 0.25, min=0.1, max=0.5))',
    "SlcCollection.ps_velocity": 'slc.reference(lon=-104.902, lat=21.518).ps_velocity(limit=60)["velocity"]  # relative to that place',
    "SlcCollection.coherence_matrix": "slc.coherence_matrix(lon=-104.895, lat=21.51)",
    # points
    "PointCollection.filter_bounds": "points.filter_bounds((5.0, 38.0, 15.0, 48.0))",
    "PointCollection.series": 'points.series(points["pid"][0])',
    "PointCollection.velocity": "points.velocity(degree=1)",
    "PointCollection.to_geodataframe": "points.to_geodataframe(series=True)",
    "PointCollection.image": 'points.image("mean_velocity", cell=100)',
    "PointCollection.displacement": "points.displacement(cell=100)",
    # exits
    "to_geotiff": 'velocity.to_geotiff("velocity.tif", bounds=box, zoom=12)',
    "to_png": 'velocity["velocity"].colormap("RdBu", vmin=-50, vmax=50).to_png("velocity.png", bounds=box, width=400, legend=True)',
    "to_gif": 's2.to_gif("ndvi.gif", lambda image: image.ndvi().colormap("RdYlGn", vmin=-0.2, vmax=0.9), bounds=(11.98, 45.78, 12.02, 45.81), width=200)',
    "to_numpy": "array = velocity.to_numpy(bounds=box, zoom=11)",
    "to_xarray": "velocity.to_xarray(bounds=box, resolution=0.002)",
    "to_csv": 'stack.invert().to_csv("points.csv", bounds=box, resolution=0.005)',
    "to_kmz": 'velocity["velocity"].colormap("RdBu", vmin=-50, vmax=50).to_kmz("velocity.kmz", bounds=box, zoom=12)',
    "profile": "velocity.profile([(-104.92, 21.48), (-104.86, 21.54)], zoom=12)",
    "isolines": 'velocity["velocity"].isolines(interval=10, bounds=box, zoom=11)',
    "export_package": 'jv.export_package("area.zip", {"DTs": stack.invert(), "MV-LOS": velocity}, bounds=box, zoom=11, title="Area")',
    "open_chain": 'jv.open_chain("velocity.tif")',
}
