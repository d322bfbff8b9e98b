"""The requirement manifest: what the standards ask, which tests show it, and the page made from both.

Not here: the tests themselves, and what people asked for (``docs/reference/traceability.md``).
"""
