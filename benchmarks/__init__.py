"""How fast the parts are, printed as numbers."""
