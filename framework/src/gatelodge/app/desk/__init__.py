"""The desk's process: the HTTP surface of ``registration``, and the issuer's metadata. Never loads FastMCP.

Owns routes, request parsing, pages and the lifespan. Does not own what a client may register (``registration``) nor what
the metadata says (``issuer``).
"""
