"""One module per provider: data, and how its answers differ. None of them knows another.

Not here: which of them the operator configured (``connections.registry``).
"""
