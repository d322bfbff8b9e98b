"""Where Slack and Jira meet: which project a channel's issues go to, and making an issue from a channel.

Owns that mapping (``projects``) and its tools (``tools``). The packs of Slack and Jira know neither this nor each other;
this one uses their calls.
"""
