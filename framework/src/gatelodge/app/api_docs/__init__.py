"""The OpenAPI description of a process's HTTP endpoints, and the page that shows it.

Owns the operations (what each route takes and answers), the document made from them, its routes. Does not own the routes it
describes nor their models, which stand beside them (``connections``, ``proxy``, ``app.health``).
"""
