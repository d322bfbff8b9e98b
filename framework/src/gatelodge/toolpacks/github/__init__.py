"""GitHub: who an account is, and its repositories' issues.

Owns its tools and prompt (``tools``), the API calls they make (``client``) and the form of results (``models``).
"""
