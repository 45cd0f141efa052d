"""The engine: the one process that touches an instrument, and the only writer of the journal."""
