"""The instruments of the beamline, as Bluesky sees them."""
