"""How fast the parts are, and how good the maps, printed as numbers."""
