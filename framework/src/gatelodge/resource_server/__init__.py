"""The protected side of OAuth 2.1: which token gets in, and what a client without one is told.

Owns reading the bearer token, checking it, the challenge, the protected-resource metadata and the Origin/Host guard.
Does not own keys (``issuer``), permissions (``access``) or HTTP answers (``app``): everything here is a function of
what it is given, and the one thing awaited is a key. Imports ``core`` and, for keys, nothing but a protocol.
"""
