"""The ``gatelodge`` command: parse, call, render. The only place that prints.

Owns argument names, exit codes and output. Each command lives in a module of its own and does its work by calling
``app`` or ``ops``.
"""
