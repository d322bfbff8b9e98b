"""What operators see: logs now; request ids, metrics and tracing come with the issue that needs them.

Owns how a line is written, not what is worth a line. Neighbours: ``core`` below, everything above may use it.
"""
