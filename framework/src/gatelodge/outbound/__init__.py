"""The only HTTP client of a running server: pool, timeouts, size caps, no redirects.

Owns how bytes leave this process. Does not own what an answer means: callers parse. Neighbours: ``core`` only.
"""
