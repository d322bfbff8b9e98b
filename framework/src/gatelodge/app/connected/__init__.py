"""A server that serves its users' linked accounts: the parts put together, started and stopped.

Owns the composition (``parts``), what runs beside requests (``chores``) and one server's whole
(``service``). Decides nothing and holds no protocol: ``connections``, ``proxy``, ``toolpacks``, ``vault``.
Imported for servers with packs only; what it needs is the extra ``connections``.
"""
