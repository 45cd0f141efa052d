"""From frames at a nickel edge to maps of the state of charge, as pure functions on arrays."""
