"""The realm as code: ``infra/keycloak`` rendered into one realm JSON and kept true in a running Keycloak.

Owns reading the files (``files``, ``optional``), the pure rendering (``servers``, ``account``, ``render``), the comparison
(``things``, ``plan``, ``patches``, ``drift``), doing it through python-keycloak (``connection``, ``present``, ``steps``,
``apply``), what is remembered of it (``memory``) and the way back (``export``). Does not start Keycloak (``ops.stack``) and
does not speak to it while clients register (``registration``).
"""
