"""Servers that are up: ports, seed, state across restarts, many clients at once."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

import sandbox
from sandbox.running import Running

ROWS = [
    {"Vorname": "Ada", "Nachname": "Byron", "E-Mail": "ada@b.io", "Firma": "Analytical"},
    {"crm": "hubspot", "name": "Bob Ray", "email": "bob@b.io"},
    {"crm": "salesforce", "name": "Cy", "email": "cy@"},
]


def records(ready: dict[str, str]) -> Any:
    return requests.get(ready["base_url"] + "/_sandbox/records", timeout=5).json()


def test_a_seed_goes_to_the_crm_it_names_or_to_all(serve: Callable[..., Running], tmp_path: Path) -> None:
    running = serve("hubspot", "salesforce", seed=ROWS)
    assert (running.counts["hubspot"].accepted, running.counts["salesforce"].accepted) == (2, 1)
    assert dict(running.counts["salesforce"].refused) == {"invalid email address (Email)": 1}
    assert records(running.ready["salesforce"])["Lead"][0]["LastName"] == "Byron"
    file = tmp_path / "people.csv"
    file.write_text("first name,surname,email\nAda,Byron,ada@b.io\n", encoding="utf-8")
    shown = records(serve("hubspot", seed=file).ready["hubspot"])["contacts"]
    assert shown[0]["properties"]["lastname"] == "Byron"


def test_ready_tells_address_and_credentials(serve: Callable[..., Running]) -> None:
    ready = serve("hubspot", "salesforce").ready
    assert ready["hubspot"]["token"] == "sandbox-hubspot-token"
    assert set(ready["salesforce"]) == {"base_url", "token", "client_id", "client_secret"}
    assert ready["hubspot"]["base_url"].startswith("http://127.0.0.1:")


def quiet_port() -> int:
    """A port whose next two are free, below those that the system hands out to others, and in another place for each process."""
    for at in range(3000):
        port = 20_000 + (7 * os.getpid() + 3 * at) % 12_000
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port + 1)), socket.create_server(("127.0.0.1", port + 2)):
            return port
    raise AssertionError("no ports are free")


def test_a_port_gives_each_crm_its_own(serve: Callable[..., Running]) -> None:
    port = quiet_port()
    ready = serve("hubspot", "salesforce", port=port).ready
    assert [ready[crm]["base_url"].rsplit(":", 1)[1] for crm in ready] == [str(port + 1), str(port + 2)]


def test_a_taken_port_leaves_nothing_open() -> None:
    port = quiet_port()
    with socket.create_server(("127.0.0.1", port + 2)):
        with pytest.raises(OSError, match="in use"):
            sandbox.start(port=port, only=("hubspot", "salesforce"))
        with socket.socket() as again:
            again.bind(("127.0.0.1", port + 1))


def test_state_survives_and_the_seed_is_not_planted_twice(serve: Callable[..., Running], tmp_path: Path) -> None:
    first = serve("hubspot", seed=ROWS, state=tmp_path)
    headers = {"Authorization": f"Bearer {first.ready['hubspot']['token']}"}
    url = first.ready["hubspot"]["base_url"] + "/crm/v3/objects/contacts"
    requests.post(url, json={"properties": {"email": "new@b.io"}}, headers=headers, timeout=5)
    first.stop()
    second = serve("hubspot", seed=ROWS, state=tmp_path)
    emails = [row["properties"]["email"] for row in records(second.ready["hubspot"])["contacts"]]
    assert emails == ["ada@b.io", "bob@b.io", "new@b.io"]


def test_state_is_kept_while_running(serve: Callable[..., Running], tmp_path: Path) -> None:
    running = serve("hubspot", seed=ROWS, state=tmp_path)
    running.save()  # what the timer does
    killed = serve("hubspot", state=tmp_path)
    assert len(records(killed.ready["hubspot"])["contacts"]) == 2


def test_many_clients_at_once(serve: Callable[..., Running]) -> None:
    ready = serve("hubspot").ready["hubspot"]
    headers = {"Authorization": f"Bearer {ready['token']}"}
    statuses: list[int] = []

    def client(number: int) -> None:
        with requests.Session() as session:
            for n in range(20):
                body = {"properties": {"email": f"{number}-{n}@b.io"}}
                statuses.append(
                    session.post(ready["base_url"] + "/crm/v3/objects/contacts", json=body, headers=headers, timeout=10).status_code
                )

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 160
    assert len(records(ready)["contacts"]) == 160


def test_an_unknown_crm_is_named() -> None:
    with pytest.raises(KeyError):
        sandbox.app("nocrm")


def test_x_14_ids_look_like_the_vendors(serve: Callable[..., Running]) -> None:
    ready = serve("hubspot", "salesforce", seed=ROWS[:1]).ready
    assert records(ready["hubspot"])["contacts"][0]["id"].isdigit()
    id = records(ready["salesforce"])["Lead"][0]["Id"]
    assert (len(id), id[:3], id.isalnum()) == (18, "00Q", True)
