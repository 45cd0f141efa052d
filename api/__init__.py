"""The session over HTTP."""
