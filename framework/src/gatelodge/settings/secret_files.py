"""Secrets that are given as a file: the two checks that every pair ``name`` and ``name_file`` of a model has.

In a model the file comes before the secret, and both are checked::

    x_secret_file: Path | None = Field(default=None, examples=["/run/secrets/x"])
    x_secret: Secret | None = Field(default=None, validate_default=True, examples=["(a long random text)"])
    _check_files = field_validator("x_secret_file")(check_secret_file)
    _read_secrets = field_validator("x_secret", mode="before")(read_secret)

Invariant: the variable itself goes before its file. A file that cannot be used is reported under its own name.
"""

from pathlib import Path

from pydantic import ValidationInfo

from gatelodge.core.secret import Secret

__all__ = ["check_secret_file", "read_secret"]


def check_secret_file(path: Path | None) -> Path | None:
    """The path of a file that can be read and holds something. Raises: ValueError."""
    try:
        if path is not None and not path.read_text(encoding="utf-8").strip():
            raise ValueError(f"this file is empty: {path}")
    except OSError as error:
        raise ValueError(f"cannot read this file: {error.strerror}: {path}") from error
    return path


def read_secret(given: object, info: ValidationInfo) -> Secret | None:
    """The secret of a field as given, else from the file that the field before it, ``<field>_file``, names."""
    if isinstance(given, Secret):
        return given
    path = info.data.get(f"{info.field_name}_file")
    text = given if isinstance(given, str) else path.read_text(encoding="utf-8") if path is not None else ""
    return Secret(text.strip()) if text.strip() else None
