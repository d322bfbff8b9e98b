"""What each error code means, by part: requests, registration, linked accounts and their store, starts and commands.

Owns texts and numbers; the closed set itself is ``core.codes``. Keys are the codes' values; a test compares the two.
"""
