"""The native stack: Traefik, Keycloak, the desk and a server, started, watched and stopped as one.

Owns downloads and pins, the local CA, the processes, their state folder and what is shown about them. Does not own the
realm (``ops.realm``), the link check (``ops.link``) or printing (``cli``); routes and pins are the files of ``infra/``.
"""
