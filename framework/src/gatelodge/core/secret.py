"""Secrets: a wrapper that does not print itself, generation, and files with mode 0600."""

import os
import secrets
from pathlib import Path

__all__ = ["Secret", "generate", "read_or_create"]


class Secret:
    """A string that shows as ``***``; ``reveal()`` is the only way to the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and secrets.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)


def generate(length: int = 24) -> Secret:
    """A new random secret of ``length`` URL-safe characters (6 bits each)."""
    return Secret(secrets.token_urlsafe(length)[:length])


def read_or_create(path: Path, length: int = 24) -> Secret:
    """The secret kept in ``path``; made on first use with ``length`` characters, whole and with mode 0600.

    Raises: OSError.
    """
    try:
        return Secret(path.read_text().strip())
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = generate(length)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secret.reveal() + "\n")
        # A link to a whole file: two first starts at once keep one secret, and neither reads half of it.
        os.link(draft, path)
    except FileExistsError:
        return Secret(path.read_text().strip())
    finally:
        draft.unlink()
    return secret
