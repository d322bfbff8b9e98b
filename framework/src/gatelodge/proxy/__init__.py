"""Calls of a provider's API through us, with the caller's own linked account: what is allowed, and how it is answered.

Owns the allow-lists (``rules``), the request that names a call, the answer's envelope, and the endpoint that gives
services an access token. Does not own tokens or the sending (``connections``), nor what tools do with an API
(``toolpacks``). Nothing is forwarded that no rule names.
"""
