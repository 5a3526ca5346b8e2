"""Settings for every test."""

from hypothesis import settings

# A slow machine is no fault of the code: no deadline.  A failing example is printed to be run again.
settings.register_profile("hypernode", deadline=None, print_blob=True)
settings.load_profile("hypernode")
