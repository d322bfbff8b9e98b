"""Who may do what, as pure functions: a declared requirement and a principal in, one of three answers out.

Owns the rule that ``@requires`` and ``@public`` declare, the decision for listing and calling, and the scope hierarchy.
Does not own tokens (``resource_server`` makes the principal) nor how an answer looks on the wire (``app``).
Imports ``core`` only.
"""
