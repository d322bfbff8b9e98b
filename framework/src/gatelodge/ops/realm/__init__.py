"""The realm as code: ``infra/keycloak`` rendered into one realm JSON and kept true in a running Keycloak.

Owns reading the files (``files``), the pure rendering (``servers``, ``render``) and applying it through
python-keycloak (``connection``, ``sync``, ``apply``). Does not start Keycloak (``ops.stack``) and does not speak
to it while clients register (``registration``).
"""
