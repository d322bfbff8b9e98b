"""Composition roots: ``protect`` for MCP servers (with the FastMCP bridge) and the desk's own application.

Owns which parts meet in a process and in which order a request passes them. Decides nothing itself: tokens are
judged in ``resource_server``, access in ``access``. ``bridge`` is the only module that imports FastMCP.
"""
