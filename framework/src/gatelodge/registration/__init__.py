"""The desk before Keycloak's registration endpoint: what a client may register, and in which words it is told (RFC 7591).

Owns the redirect rules, the form a body must have for Keycloak, the forwarding and the answers. Does not own the HTTP
surface (``app.desk``) nor the issuer's metadata (``issuer``). Talks to Keycloak through ``outbound``, holds no state.
"""
