"""Notion for a language model: pages as Markdown, search, and rows of data sources.

Owns the tools (``tools``), their results (``models``), the calls (``client``) and blocks made from Markdown where Notion
does not take Markdown itself (``markdown``). Knows no other pack.
"""
