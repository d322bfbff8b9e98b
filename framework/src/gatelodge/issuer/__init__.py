"""What we read from an authorization server: its metadata, curated for clients, and the keys it signs with.

Owns fetching, keeping and judging both documents. Does not own what a token must hold (``resource_server``) or how
metadata is served (``app``). Neighbours below: ``outbound``, ``observability``, ``core``.
"""
