"""``gatelodge doctor``: known traps of machine, stack and configuration, each looked for and named with its way out.

Owns the findings, one module each under ``findings``, their order and the bundle for bug reports. Does not own protocol
probes (``ops.verify``) nor repairs: it changes nothing. Neighbours: ``ops.stack`` (what runs), ``ops.realm`` (Keycloak).
"""
