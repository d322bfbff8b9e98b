"""Who acted, in a form that a trail may keep for years: a digest for users and addresses, a name for operators and services."""

import hashlib
import hmac
import re

__all__ = ["ADDRESS", "OTHERS", "SYSTEM", "of_address", "of_operator", "of_service", "of_user"]

SYSTEM = "system"
# What the actor of a stranger begins with.
ADDRESS = "address:"
# Strangers beyond the number that is told apart.
OTHERS = "others"
_LENGTH = 20  # hex digits: 80 bits, no two users of one server share it
_NAME = re.compile(r"[^A-Za-z0-9._@-]")


def of_user(issuer: str, subject: str) -> str:
    """The actor of a signed-in user: the same for the same (issuer, subject), and neither can be read from it.

    Who knows both can compute it, so that an operator finds a user's events.
    """
    # The length in front keeps (ab, c) and (a, bc) apart.
    together = f"{len(issuer)}|{issuer}|{subject}"
    return "user:" + hashlib.sha256(together.encode()).hexdigest()[:_LENGTH]


def of_service(client_id: str) -> str:
    """The actor of a client that acts for itself, by its name at the authorization server."""
    return "service:" + _NAME.sub("_", client_id)[:64]


def of_operator(name: str) -> str:
    """The actor of someone at the command line, by the name of the system's user."""
    return "operator:" + _NAME.sub("_", name)[:64]


def of_address(key: bytes, network: str) -> str:
    """The actor of a stranger, by address: keyed, since all addresses there are could be tried otherwise."""
    return ADDRESS + hmac.digest(key, network.encode(), "sha256").hex()[:_LENGTH]
