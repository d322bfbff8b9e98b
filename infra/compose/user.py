"""Makes a person who may sign in, and prints the password: ``docker compose run --rm realm python /compose/user.py``.

The password has to be changed at the first sign-in, unless ``--lasting`` says that a program uses it.
"""

import argparse
import sys
from pathlib import Path

from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import generate, read_or_create
from gatelodge.ops.realm.apply import RealmAdmin
from gatelodge.ops.stack.credentials import ADMINISTRATOR


def main() -> int:
    """Exit code 0 when the person was made, else 1."""
    parser = argparse.ArgumentParser(prog="user.py", description="Make a person who may sign in.")
    parser.add_argument("username")
    parser.add_argument("email")
    parser.add_argument("first_name")
    parser.add_argument("last_name")
    parser.add_argument("--lasting", action="store_true", help="the password need not be changed")
    given = parser.parse_args()
    password = generate()
    person = {
        "username": given.username,
        "email": given.email,
        "firstName": given.first_name,
        "lastName": given.last_name,
        "enabled": True,
        "emailVerified": True,
        "credentials": [{"type": "password", "value": password.reveal(), "temporary": not given.lasting}],
    }
    try:
        admin = RealmAdmin("http://keycloak:8080", ADMINISTRATOR, read_or_create(Path("/operator/secrets/admin")))
        try:
            admin.keycloak.create_user(person, exist_ok=False)
        finally:
            admin.close()
    except GatelodgeError as error:
        sys.stderr.write(f"user: {error.detail}\n  next step: {error.hint}\n")
        return 1
    sys.stdout.write(password.reveal() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
