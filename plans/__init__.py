"""What the instruments do together, as Bluesky plans."""
