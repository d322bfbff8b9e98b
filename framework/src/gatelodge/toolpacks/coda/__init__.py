"""Coda: docs, tables and rows, read with the server's own token or with the user's.

Owns its tools (``tools``), the API calls they make (``client``) and the form of results (``models``).
"""
