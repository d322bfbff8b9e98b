"""An operator's look at the realm's clients, and clients made by hand for those that cannot register.

Owns what each client's dialog wants typed in, and how the desk's account is found. Does not own what a client is
(``registration.predefined``), when one is removed (``registration.reaper``) nor printing (``cli``).
"""
