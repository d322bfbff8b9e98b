"""Every ``GATELODGE_*`` variable, checked at once before anything starts.

Owns the models, one a process (``server``, ``desk``, what they share in ``process``) made of sections that take part in
them, the list of processes and their models (``processes``), reading them with all faults in one message (``load``), and
what ``gatelodge config`` tells of them (``examine``, ``effective``, ``schema``). A command validates only what it uses.
Does not own what the values mean: each model hands out the config sections of the packages below. Secrets are never
echoed.
"""
