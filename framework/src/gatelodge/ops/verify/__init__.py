"""Verification of any MCP server from outside, as one of the known clients would meet it.

Owns the checks (one stable id each), what each client does (``profiles``), the recorded evidence with secrets removed,
and the reports. It changes nothing but the clients it registers, and removes those where the server offers it.
Neighbours: ``ops.link`` has the scripted browser and the OAuth types, ``ops.stack`` names a local stack's users.
"""
