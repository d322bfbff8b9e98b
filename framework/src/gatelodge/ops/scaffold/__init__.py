"""A new server from the template: rendered, with our own wheel and a lock of its own beside it.

Owns the template (``template/``, package data) and what is made from it. Not here: the questions (``cli.new``), running
the result (``ops.stack``). Neighbour: ``ops.stack.servers``, which reads what is made here.
"""
