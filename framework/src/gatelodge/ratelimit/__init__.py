"""Limits: how often and how much at once somebody may, and what they are told beyond it.

Owns rates, their windows (in process, or shared in Redis), slots of what runs at once, the error with its headers, and
what counts as one address. Does not own which request counts for whom (``app.throttling``, ``connections``,
``registration``) nor how the answer looks (``app``). Neighbours: ``core`` and ``observability`` below.
"""
