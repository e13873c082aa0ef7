"""`leadloom sandbox`: four CRM servers on this machine."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.exits import Stop

if TYPE_CHECKING:
    from sandbox.running import Running


class Limits(StrEnum):
    NONE = "none"
    VENDOR = "vendor"


def sandbox(
    port: Annotated[
        int, typer.Option(help="HubSpot listens on PORT+1, Salesforce +2, Pipedrive +3, ActiveCampaign +4; 0 picks free ones")
    ] = 9100,
    seed: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="people to start with; column `crm` says where, without it everywhere")
    ] = None,
    people: Annotated[int, typer.Option(metavar="N", help="start with N invented people instead, messy as in real life")] = 0,
    write_config: Annotated[Path | None, typer.Option(metavar="FILE", help="write settings that point at these servers")] = None,
    state: Annotated[Path | None, typer.Option(metavar="DIR", help="keep what is in the CRMs between starts")] = None,
    limits: Annotated[Limits, typer.Option(help="the vendors' rate limits, or none")] = Limits.NONE,
    bare: Annotated[bool, typer.Option(help="start without our custom fields, as a new account does")] = False,
    tls: Annotated[bool, typer.Option(help="serve https with a self-signed certificate")] = False,
) -> None:
    """Run HubSpot, Salesforce, Pipedrive and ActiveCampaign as local servers, until interrupted.

    When they are ready, one line of JSON with addresses and tokens is printed.
    """
    import json

    if tls and write_config is not None:
        raise Stop("--write-config does not go with --tls: Leadloom would refuse the self-signed certificate. Leave --tls out.")
    if seed is not None and people > 0:
        raise Stop("Use either --seed or --people.")
    with _started(port, seed, people, state, limits, bare, tls) as running:
        _say_what_was_refused(running)
        if write_config is not None:
            write_settings(write_config, running.ready)
        told = _told_to_stop()
        typer.echo(json.dumps(running.ready))
        told.wait()


@contextmanager
def _started(port: int, seed: Path | None, people: int, state: Path | None, limits: Limits, bare: bool, tls: bool) -> Iterator[Running]:
    import sandbox as servers
    from sandbox.people import people as invented

    rows = seed if people == 0 else list(invented(count=people))
    try:
        running = servers.start(port, seed=rows, state=state, limits=limits.value, bare=bare, tls=tls)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise Stop(f"{error.filename}: no such file.") from None
    except UnicodeDecodeError:
        raise Stop(f"{seed}: this is not a CSV file in UTF-8.") from None
    except OSError as error:
        raise Stop(f"The servers cannot listen on ports {port + 1} to {port + 4}: {error.strerror}. Choose others with --port.") from None
    with running:
        yield running


def _say_what_was_refused(running: Running) -> None:
    for crm, counts in running.counts.items():
        for reason, number in counts.refused.items():
            typer.echo(f"{crm}: {number} of the rows refused: {reason}", err=True)


def write_settings(file: Path, ready: Mapping[str, Mapping[str, str]]) -> None:
    """Replaces settings that a sandbox wrote, never a person's."""
    from commands.starter import SANDBOX_MARK, for_sandbox

    try:
        if file.exists() and not file.read_text(encoding="utf-8").startswith(SANDBOX_MARK):
            raise Stop(f"{file} was not written by a sandbox and is left as it is. Name another file.")
        file.write_text(for_sandbox(ready), encoding="utf-8")
    except OSError as error:
        raise Stop(f"{file} cannot be written: {error.strerror}.") from None


def _told_to_stop() -> threading.Event:
    """Set by Ctrl-C or a kill. To be asked for before anybody knows that the servers are ready."""
    told = threading.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda *_: told.set())
    return told
