"""One module a trap. Each has ``CHECK``; none imports another."""
