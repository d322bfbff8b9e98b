"""Where the database is, read from a URL or from the variables of PostgreSQL images."""

from pathlib import Path

import pytest

from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import open_database
from gatelodge.storage.errors import DatabaseConfigInvalid

CANARY = "canary/pass:word@"


def test_the_default_is_sqlite_in_a_folder_of_its_own(tmp_path: Path) -> None:
    config = DatabaseConfig.from_environment({}, state_dir=tmp_path)
    assert config.dialect == "sqlite"
    assert config.path == tmp_path / "database" / "gatelodge.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "POSTGRESQL"])
def test_every_spelling_of_postgresql_is_understood(scheme: str) -> None:
    assert DatabaseConfig(f"{scheme}://u:p@db/name").dialect == "postgresql"


def test_the_variables_of_the_image_give_a_quoted_url(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(CANARY + "\n")
    environ = {
        "POSTGRES_HOST": "db",
        "POSTGRES_USER": "us er",
        "POSTGRES_DB": "na/me",
        "POSTGRES_PASSWORD_FILE": str(file),
    }
    config = DatabaseConfig.from_environment(environ, state_dir=tmp_path)
    assert config.dsn == "postgresql://us%20er:canary%2Fpass%3Aword%40@db:5432/na/me"


def test_an_address_of_ipv6_is_put_in_brackets(tmp_path: Path) -> None:
    environ = {"POSTGRES_HOST": "::1", "POSTGRES_PORT": "6000", "POSTGRES_PASSWORD": "x"}
    config = DatabaseConfig.from_environment(environ, state_dir=tmp_path)
    assert config.place == "the PostgreSQL database postgres at ::1:6000"


def test_the_url_goes_before_the_variables_of_the_image(tmp_path: Path) -> None:
    environ = {"GATELODGE_DATABASE_URL": "sqlite:////x/y.db", "POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "x"}
    assert DatabaseConfig.from_environment(environ, state_dir=tmp_path).path == Path("/x/y.db")


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"POSTGRES_HOST": "db"}, "POSTGRES_PASSWORD"),
        ({"POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "x", "POSTGRES_PORT": "none"}, "POSTGRES_PORT"),
        ({"POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "x", "POSTGRES_PASSWORD_FILE": "/f"}, "not both"),
        ({"GATELODGE_DATABASE_URL_FILE": "/does/not/exist"}, "GATELODGE_DATABASE_URL_FILE cannot be read"),
        ({"GATELODGE_DATABASE_URL": f"mysql://u:{CANARY}@db/x"}, "GATELODGE_DATABASE_URL"),
        ({"GATELODGE_DATABASE_URL": "sqlite://"}, "GATELODGE_DATABASE_URL"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(environ: dict[str, str], named: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseConfigInvalid, match=named) as refused:
        DatabaseConfig.from_environment(environ, state_dir=tmp_path)
    assert "canary" not in str(refused.value)


def test_an_empty_file_of_a_password_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("\n")
    with pytest.raises(DatabaseConfigInvalid, match="is empty"):
        DatabaseConfig.from_environment(
            {"POSTGRES_HOST": "db", "POSTGRES_PASSWORD_FILE": str(file)}, state_dir=tmp_path
        )


@pytest.mark.parametrize(
    "numbers", [{"pool_min": 0}, {"pool_min": 11}, {"busy_timeout": 0.0}, {"command_timeout": -1.0}]
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(DatabaseConfigInvalid):
        DatabaseConfig("sqlite:////x.db", **numbers)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", [f"postgresql://u:{CANARY}@db/x", Secret(f"postgresql://u:{CANARY}@db/x")])
def test_the_password_shows_nowhere(url: Secret | str) -> None:
    config = DatabaseConfig(url)
    assert "canary" not in f"{config!r} {config} {config.place}"


@pytest.mark.parametrize("login", ["u:canary@db:port", "u:p@12/canary@db", "u:12?canary@db", "u:12#canary@db"])
def test_an_address_whose_parts_cannot_be_told_apart_is_not_shown(login: str) -> None:
    assert DatabaseConfig(f"postgresql://{login}/x").place == "the PostgreSQL server of GATELODGE_DATABASE_URL"


@pytest.mark.parametrize("sign", "/#[?")
async def test_a_password_with_a_sign_that_a_url_gives_a_meaning_is_refused_and_not_repeated(sign: str) -> None:
    with pytest.raises(DatabaseConfigInvalid, match="GATELODGE_DATABASE_URL cannot be read") as refused:
        await open_database(DatabaseConfig(f"postgresql://user:canary{sign}canary@127.0.0.1:5432/name"))
    assert "canary" not in f"{refused.value} {refused.value.hint}"
    assert refused.value.__context__ is None, "what the parser said repeats the password"
