"""The one database: connections to SQLite and PostgreSQL, transactions, migrations.

Not here: what is kept in it (``audit``, ``vault``, ``connections``). Below: ``observability``, ``core``.
"""
