"""Users' accounts at upstream providers, from the client side of OAuth: linking them and keeping their tokens good.

Owns what a provider is (``provider``, ``providers``), its token endpoint (``token_endpoint``), the link of an account
(``linking``) and access tokens on demand (``tokens``). Callers get an access token for a user and a provider, never a
refresh token. Does not own how secrets are kept (``vault``) or what is asked of a provider (``proxy``, ``toolpacks``).
"""
