"""The forms of a verification's report: text, JSON, JUnit, HTML.

Every form shows the same findings; secrets were removed before (``redaction``). Nothing here reads the network.
"""
