"""The operators' work on the vault: opening it from its settings, and moving credentials into it.

Does not own keys, rows or rotation (``vault``), nor how results are shown (``cli``). A server process never loads it.
"""
