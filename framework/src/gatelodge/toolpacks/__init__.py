"""What a language model can do with linked accounts: plain functions over a provider's API, one package per provider.

Owns the tools' names, descriptions, schemas and hints (``pack``, one folder per pack), what they say when a call cannot
be done (``errors``), and how text of strangers is handed on (``text``). Not here: tokens, retries, limits and caching
(``connections``), who may call a tool and how it is served (``access``, ``app``). A pack knows no other pack.
"""
