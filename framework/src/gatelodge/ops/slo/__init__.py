"""Service levels as evidence: drives linked clients, keeps every request, and reports what the requests say.

Owns the objectives' form, the run (``run``), the folder with its raw samples, the figures made from them, the report and
its check. A figure comes from the samples alone, and one that was not sampled is not printed. Neighbours: ``ops.link``
links each client, ``ops.verify`` speaks the protocol, ``ops.stack`` says what runs. Not here: speed next to other
servers (``benchmarks/run.py``).
"""
