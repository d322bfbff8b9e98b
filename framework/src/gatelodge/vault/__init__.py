"""The vault: users' upstream tokens and the services' own, encrypted at rest.

Owns the key-encryption keys and where they come from (``keyring``, ``key_source``), the envelope (``envelope``), the
token store in its backends (``store``, ``env_store``) and the rotation of keys (``rotation``). Does not own when a token
is refreshed or asked for (``connections``), the database and its migrations (``storage``), nor what an audit event looks
like (``audit``). Neighbours below: ``audit``, ``storage``, ``core``. Only this package imports ``cryptography``.
"""
