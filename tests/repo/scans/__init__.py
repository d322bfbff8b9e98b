"""Security scans that need no network: what ``make scan`` runs and reports, and the tests of ``tests/repo`` assert.

Owns: looking at code, floors, licences, the history, Dockerfiles, compose.yaml and built images. Not here: the online
scanners of ``.github/workflows/security.yaml``; attacks on a running server (``tests/conformance/attacks``).
"""
