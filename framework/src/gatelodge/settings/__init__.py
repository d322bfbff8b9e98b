"""Every ``GATELODGE_*`` variable, checked at once before anything starts.

Owns the models (``server``, ``desk``, what they share in ``process``) and reading them with all faults in one message
(``load``). Each process has its own model, so a command validates only what it uses. Does not own what the values mean:
each model hands out the config sections of the packages below. Secrets are never echoed.
"""
