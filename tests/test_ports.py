"""No two workers of a test run are given the same port."""

import os
import socket

import pytest

from tests import ports


def worker(number: int, of: int) -> dict[str, str]:
    return {"PYTEST_XDIST_WORKER": f"gw{number}", "PYTEST_XDIST_WORKER_COUNT": str(of)}


@pytest.mark.parametrize("count", [1, 3, 4, 8])
def test_workers_have_ports_of_their_own(count: int) -> None:
    shares = [ports.share_of(worker(number, count)) for number in range(count)]
    given = [port for share in shares for port in share]
    assert len(given) == len(set(given))
    assert min(map(len, shares)) >= 9760 // count
    assert set(given) <= set(range(10240, 20000))


def test_without_workers_all_are_there() -> None:
    assert ports.share_of({}) == range(10240, 20000)


def test_a_port_is_of_ones_own_share_and_free() -> None:
    port = ports.free_port()
    assert port in ports.share_of(os.environ)
    with socket.create_server(("127.0.0.1", port)):
        assert all(ports.free_port() != port for _ in range(20))
