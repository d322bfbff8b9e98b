"""Slack for a language model: channels, their messages and threads, and posting.

Owns the tools (``tools``), their results (``models``) and the calls (``client``). Which Jira project belongs to a channel
is ``toolpacks.channels``. Knows no other pack.
"""
