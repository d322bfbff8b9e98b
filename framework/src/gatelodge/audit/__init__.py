"""The audit trail: who did what, when and by which rule; append-only, each event bound to the one before it.

Owns events, the chain of digests and its check. Not here: the application log (``observability``), the commands that
show a trail (``cli``), what is decided. Below: ``storage``, ``core``.
"""
