"""Databases of both kinds for the tests of this folder."""

from databases import database, database_config, postgres

__all__ = ["database", "database_config", "postgres"]
