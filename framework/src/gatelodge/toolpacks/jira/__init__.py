"""Jira Cloud for a language model: issues, comments, transitions and projects, with Markdown on our side.

Owns the tools (``tools``), their results (``models``), the calls (``client``), which site is meant (``sites``), and the
translation between Markdown and Atlassian's document format (``adf``). Knows no other pack.
"""
