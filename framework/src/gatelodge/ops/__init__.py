"""Operators' work: the native stack, the realm as code, the link check. Never loaded by a running server.

Owns what a person runs from the command line; ``cli`` parses and prints, ``ops`` acts and returns values.
Does not own what a server does at run time. Neighbours: ``app`` (beside it, not imported), ``core`` (vocabulary).
"""
