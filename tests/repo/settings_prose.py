"""What ``docs/reference/settings.md`` says around its tables: headings, and prose by the name of a settings class."""

from collections.abc import Mapping

__all__ = ["AFTER", "COMPOSE_HEAD", "EDGE_HEAD", "HEAD", "PROSE", "REALM_HEAD", "TITLES"]

HEAD = """\
# Settings

This page is generated from the models in `framework/src/gatelodge/settings/` and the servers' own; a test compares the
two. To write it again:

```bash
PYTHONPATH=tests .venv/bin/python tests/repo/settings_reference.py > docs/reference/settings.md
```

Settings are environment variables. A file `.env` in the folder where a process starts is read too; the environment
wins. With the native stack (`make up`) you set none of these: the launcher gives each process its own.

- Each process checks only the variables it uses, all at once and before anything else: a faulty one is reported with its
  name, what is wrong, what kind of value was given and an example. Values are not repeated, but for the path of a file
  and the one wrong entry of a list; of a secret not even its kind.
- Lists are separated by commas or spaces.
- Every secret can be given as a file instead, by the variable with `_FILE` at its end. Where both are set the variable
  counts and the start says so in a warning; for the vault's key, the database's URL and its password it is a fault. In
  production a file that every user of the machine can read is a warning, for the vault's key a fault.
- A `GATELODGE_` variable that nothing reads is most likely mistyped. A process that starts names it and the nearest name
  in a warning, and starts: an environment made for a newer version must not stop an older one, and Kubernetes adds
  variables named after services. `gatelodge config check` counts it as a fault.
- Ports that a process listens on are 1024 to 65535, or 443 where the process has the right to it; nothing before it
  ends TLS then, so Traefik is the usual owner of 443.

[`gatelodge config`](cli.md#gatelodge-config-check) checks, shows and describes the settings of a process. At its start a
process logs one line of the settings in use, without secrets.
"""

# The heading of a class's table; a class that is not named here has its own name.
TITLES: Mapping[str, str] = {
    "ServerSettings": "A server",
    "DeskSettings": "The desk",
    "ClientDocumentSettings": "Clients with a document",
    "VaultSettings": "The vault",
    "DatabaseSettings": "The database",
    "ConnectionSettings": "Linked accounts",
    "WebSettings": "Pages of linked accounts",
    "ProxySettings": "Calls to providers",
    "IdentitySettings": "How callers sign in",
    "AllowedUsersSettings": "Allowed users",
    "AuditSettings": "The audit trail",
    "LimitSettings": "Limits",
    "RedisSettings": "Redis or Valkey",
    "ObservabilitySettings": "Logs, metrics and traces",
    "Settings": "The sample server",
    "ToolboxSettings": "The toolbox server",
}

# Said before the table, after where the variables are used.
PROSE: Mapping[str, str] = {
    "ServerSettings": "`protect(mcp)` under any other ASGI server reads them too.",
    "ConnectionSettings": """\
A provider is on when its client id is set; a client id without a secret,
or a secret without a client id, refuses to start. Addresses are https; http is accepted on loopback in development only.
Without an address of yours the provider's own is used.""",
    "WebSettings": """\
They are for its page of connected accounts. Front ends that call its API
with an access token are in `GATELODGE_ALLOWED_ORIGINS`.""",
    "ProxySettings": """\
What the proxy and the tools may take of time and room, and how long
answers are kept. A host of an address of yours (`GATELODGE_GITHUB_API_URL` and the like) may be internal; any other host
must resolve to public addresses only, or it is not connected to.""",
    "DatabaseSettings": """\
They count for what keeps accounts, tokens and the audit trail (the extra
`gatelodge[connections]`). `GATELODGE_DATABASE_URL` goes before `POSTGRES_HOST`.""",
}

# Said after the table.
AFTER: Mapping[str, str] = {
    "DatabaseSettings": """\
An SQLite file and its folder must be open to the server's user only (modes 0600 and 0700; the server makes them so), on a
local disk: SQLite's log does not work on network file systems, and several replicas need PostgreSQL. The server writes
with `synchronous=FULL` and refuses to start when SQLite does not confirm it; it refuses a PostgreSQL server with
`synchronous_commit` off or local.
""",
}

REALM_HEAD = """
## The realm

Read where the realm is made or brought up to date: by `gatelodge up` and `gatelodge realm`, the secret by Keycloak's
import too.

| Variable | Default | Meaning |
|---|---|---|
"""

EDGE_HEAD = """
## Traefik

`infra/traefik/dynamic.yaml` reads these from Traefik's environment. `gatelodge up` sets them.

| Variable | Meaning |
|---|---|
"""

COMPOSE_HEAD = """
## Compose

`compose.yaml` reads these, from the environment or a file `.env` beside it. None is required.

| Variable | Default | Meaning |
|---|---|---|
"""
