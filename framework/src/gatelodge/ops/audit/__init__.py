"""The operators' work on the audit trail: opening it, what is asked of it, how it is shown and exported.

Does not own events, their chain or what is found (``audit``). A server process never loads it.
"""
