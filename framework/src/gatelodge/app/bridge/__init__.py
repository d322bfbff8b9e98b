"""The only package of a server process that imports FastMCP.

Owns reading access rules off FastMCP's components (``rules``), filtering its lists and guarding its calls
(``middleware``), and its HTTP application behind the gate (``server``). Decides nothing: ``access`` does.
"""
