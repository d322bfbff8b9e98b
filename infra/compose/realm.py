"""Brings the realm of ``infra/keycloak`` up to date in the running Keycloak, as the native stack does.

With a public host there are no people in it; without one the two test users of the native stack, whose passwords
``prepare.py`` made. With the profile of a further server its scopes and the client of its pages are in it.
"""

import os
import sys
import tempfile
from pathlib import Path

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.realm.apply import RealmAdmin
from gatelodge.ops.realm.render import render_realm
from gatelodge.ops.stack.credentials import ADMINISTRATOR, prepare_credentials
from gatelodge.ops.stack.servers import of_profiles, read_servers, write_realm_files


def main() -> int:
    """Exit code 0 when the realm is as the files say, else 1."""
    host = os.environ.get("GATELODGE_PUBLIC_HOST", "")
    base = f"https://{host}" if host else f"https://localhost:{os.environ['GATELODGE_PORT']}"
    given = prepare_credentials(Path("/operator/secrets"))
    files = Path(tempfile.mkdtemp()) / "realm"
    try:
        further = read_servers(of_profiles(Path("/"), os.environ.get("FURTHER_SERVERS", "")))
        write_realm_files(Path("/infra/keycloak"), files, further)
        realm = render_realm(
            files,
            public_base=base,
            users=() if host else given.users,
            desk_secret=given.desk,
            web_secret=given.web,
            environment=os.environ,
        )
        admin = RealmAdmin("http://keycloak:8080", ADMINISTRATOR, given.admin)
        try:
            sys.stdout.write(f"realm {realm['realm']} for {base}: {admin.ensure(realm)}\n")
        finally:
            admin.close()
    except GatelodgeError as error:
        sys.stderr.write(f"realm: {error.detail}\n  next step: {error.hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
