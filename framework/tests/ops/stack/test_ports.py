"""Ports: refused by name before anything starts."""

import dataclasses
import socket

import pytest

from gatelodge.ops.stack.failures import PortBusy
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.options import StackOptions
from gatelodge.ops.stack.ports import choose_ports


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("field", ["port", "keycloak_port", "desk_port", "server_port"])
def test_a_busy_port_is_refused_with_its_number_and_its_option(layout: Layout, field: str) -> None:
    options = StackOptions(layout, port=_free())
    with socket.create_server(("127.0.0.1", 0)) as busy:
        number = busy.getsockname()[1]
        with pytest.raises(PortBusy) as refused:
            choose_ports(dataclasses.replace(options, **{field: number}))
    assert f"port {number} " in refused.value.detail
    assert f"--{field.replace('_', '-')}" in refused.value.hint


def test_a_port_busy_on_all_addresses_is_busy_on_loopback_too(layout: Layout) -> None:
    with socket.create_server(("0.0.0.0", 0)) as busy, pytest.raises(PortBusy, match="is in use"):  # noqa: S104
        choose_ports(StackOptions(layout, port=busy.getsockname()[1]))


def test_a_port_with_closing_connections_is_free_again(layout: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.accept()
            # The side that closes first keeps the port in TIME_WAIT.
            accepted.close()
    assert choose_ports(StackOptions(layout, port=port)).public == port


def test_internal_ports_are_all_different_and_given_ones_are_kept(layout: Layout) -> None:
    given = _free()
    ports = choose_ports(StackOptions(layout, port=_free(), desk_port=given))
    assert ports.desk == given
    assert set(ports.metrics) == {"desk", "server"}
    single = dataclasses.asdict(ports) | {"metrics": 0, "servers": 0}
    numbers = [number for number in single.values() if number] + [*ports.metrics.values()]
    assert len(numbers) == 10
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("address", ["localhost", "192.0.2.1", "", "::2"])
def test_an_address_that_leaves_localhost_out_is_refused(layout: Layout, address: str) -> None:
    with pytest.raises(PortBusy, match="--bind"):
        choose_ports(StackOptions(layout, port=_free(), bind=address))
