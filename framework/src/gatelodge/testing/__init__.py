"""What authors of servers use in their own tests: a clock to turn, tokens like Keycloak's, an issuer without Keycloak.

Owns stand-ins only: every check they meet is the real one. Never loaded by a running server. Neighbours below:
``issuer``, ``outbound``, ``core``.
"""
