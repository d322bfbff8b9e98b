"""Keycloak's database as the tests compare it: rows and a checksum of every table.

Not here: reading through Keycloak (its caches and its own writes would be between).
"""

import json

from e2e.docker.deployment import Deployment

__all__ = ["VOLATILE", "Table", "tables"]

# What a start or a sign-in writes by itself: Keycloak's own account of sessions, nodes and locks.
VOLATILE = frozenset({"databasechangeloglock", "jgroups_ping", "offline_client_session", "offline_user_session"})

_EACH = """
select coalesce(json_object_agg(name, json_build_array(
  (xpath('/row/n/text()', found))[1]::text::int, (xpath('/row/sum/text()', found))[1]::text)), '{}')
from (select table_name as name, query_to_xml(format(
  'select count(*) as n, coalesce(md5(string_agg(r::text, chr(10) order by r::text)), ''empty'') as sum from %I r',
  table_name), false, true, '') as found
  from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE') as each
"""

Table = tuple[int, str]


def tables(deployment: Deployment) -> dict[str, Table]:
    """Every table with its number of rows and the checksum of all of them."""
    done = deployment.run("postgres", "psql", "-U", "keycloak", "-At", "-c", " ".join(_EACH.split()), "keycloak")
    assert done.returncode == 0, done.stderr
    return {name: (rows, checksum) for name, (rows, checksum) in json.loads(done.stdout).items()}
