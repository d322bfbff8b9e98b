"""The catalogue's tables A to D against ``protect()`` in process: each attack gets its one answer, controls are served."""

import logging
import re
import socket
from collections.abc import Callable, Iterator

import pytest
from results import record

from conformance.attacks.controls import controls
from conformance.attacks.in_process import Matrix
from conformance.attacks.model import Attack, Expect
from conformance.attacks.table_a import table_a
from conformance.attacks.table_b import table_b
from conformance.attacks.table_c import table_c
from conformance.attacks.table_d import table_d
from conformance.attacks.world import World

TABLES: dict[str, Callable[[World], Iterator[Attack]]] = {"A": table_a, "B": table_b, "C": table_c, "D": table_d}
COMMAND = ".venv/bin/pytest tests/conformance/attacks/test_in_process.py"
CONTROL = "tests/conformance/attacks/test_negative_controls.py: each check switched off is found"
# Unknown key ids may make each server ask again, at most once in a cool-down; the clock stands still here.
FETCHES_OF_A_SERVER = 4


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every attempt to reach a host past the servers' own HTTP client; each one fails."""
    tried: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        tried.append(arguments)
        raise OSError("no connections here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


@pytest.mark.requirement("MCP26-AUTH-06", "RFC8725-3.10-no-fetch")
@pytest.mark.parametrize("table", TABLES)
async def test_every_attack_gets_its_one_constant_answer_and_nothing_is_fetched(
    table: str, world: World, matrix: Matrix, connections: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    attacks = list(TABLES[table](world))
    assert len({attack.label for attack in attacks}) == len(attacks)
    with caplog.at_level(logging.DEBUG):
        report = await matrix.run(attacks)
    assert report.complaints == []
    # Once more: what the first try may have left behind, a kept principal or key, lets nothing in.
    assert (await matrix.run(attacks)).complaints == []
    for (expect, scopes), answers in report.answers.items():
        assert len(answers) == 1, f"{expect.value} {scopes} has {len(answers)} different answers"
    assert matrix.strays == []
    assert connections == []
    assert matrix.fetches <= FETCHES_OF_A_SERVER * len(matrix.http)
    # The test's own client logs the URLs it asks for; what matters is what the servers log.
    log = "\n".join(line.getMessage() for line in caplog.records if line.name != "httpx2")
    assert "token refused" in log
    assert leaked(attacks, log) == []
    # A bound for hangs only; the figures are for the scoreboard.
    assert max(report.milliseconds) < 2_000
    record(
        1,
        f"attacks of table {table} in process",
        tried=report.tried,
        passed=report.passed,
        command=COMMAND,
        negative_control=CONTROL,
        cpu=report.time(),
        over_50_ms=report.slow,
    )
    record(
        11,
        f"fetches named by tokens of table {table}",
        tried=len(attacks),
        passed=len(attacks) - len(matrix.strays),
        command=COMMAND,
        negative_control="the wire keeps and fails every address but the issuers' documents",
    )


def leaked(attacks: list[Attack], log: str) -> list[str]:
    """Attacks of whose tokens a part stands in the log; short parts could stand there by chance."""
    return [
        attack.label
        for attack in attacks
        for _, value in attack.headers
        for part in re.findall(r"[A-Za-z0-9_-]{40,}", value.decode("latin-1"))
        if part[:60] in log
    ]


async def test_every_good_request_is_served(world: World, matrix: Matrix, connections: list[object]) -> None:
    report = await matrix.run(good := list(controls(world)))
    assert report.complaints == []
    assert len({attack.label for attack in good}) == len(good) >= 60
    assert matrix.strays == connections == []
    record(
        2,
        "good requests in process",
        tried=report.tried,
        passed=report.passed,
        command=COMMAND,
        negative_control="the same requests under a stranger's key are refused through Traefik",
        cpu=report.time(),
    )


def test_the_tables_hold_at_least_the_attacks_of_the_catalogue(world: World) -> None:
    attacks = [attack for table in TABLES.values() for attack in table(world)]
    assert len(attacks) >= 413
    assert all(attack.expect is not Expect.OK for attack in attacks)
    rows = {attack.row for attack in attacks}
    wanted = {
        *(f"A{number:02d}" for number in range(1, 19)),
        *(f"B{number:02d}" for number in range(1, 9)),
        *(f"C{number:02d}" for number in range(1, 18) if number != 10),
        *("D01", "D02", "D03", "D04", "D06"),
    }
    assert wanted == rows
