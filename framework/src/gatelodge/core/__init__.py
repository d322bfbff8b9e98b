"""The vocabulary every other package speaks: errors, codes, identity, clock, secret, URLs.

Owns no behaviour that needs I/O and imports the standard library only. Everything may import it.
"""
