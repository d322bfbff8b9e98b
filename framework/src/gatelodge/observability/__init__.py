"""What operators see: request ids, log lines without secrets, metrics, traces.

Owns how a line, a figure or a span is written, not what is worth one. Neighbours: ``core`` below, everything above may
use it.
"""
