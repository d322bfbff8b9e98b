"""Linking as a client would: discovery, registration, sign-in, token, tools.

Owns the scripted sign-in, the whole link with the official client and the single OAuth steps. It changes nothing at
the authorization server but the client it registers; the caller removes that one (``ops.realm``). Neighbours:
``ops.stack`` links once when the stack is up, ``tests/e2e`` reuses every step.
"""
