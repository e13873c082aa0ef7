"""Four local CRM servers that behave as the vendors' do, for rehearsals, tests and the demo.

    with sandbox.start(seed="people.csv") as running:
        print(running.ready["hubspot"]["base_url"])

The servers share no code and no constants with the connectors: one misreading of a vendor's page must not cancel out the other.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.running import Running
    from sandbox.wire import App, Clock

CRMS = ("hubspot", "salesforce", "pipedrive", "activecampaign")
CLASSES = {
    "hubspot": "HubSpot",
    "salesforce": "Salesforce",
    "pipedrive": "Pipedrive",
    "activecampaign": "ActiveCampaign",
}


def app(crm: str, **options: Any) -> App:
    """One server as a WSGI app, not listening anywhere. Options are those of `wire.App`."""
    name = CLASSES[crm]
    made: App = getattr(importlib.import_module(f"sandbox.{crm}"), name)(**options)
    return made


def start(
    port: int = 0,
    seed: str | Path | Iterable[Mapping[str, str]] | None = None,
    state: str | Path | None = None,
    limits: str = "none",
    bare: bool = False,
    tls: bool = False,
    clock: Clock | None = None,
    *,
    only: Sequence[str] = CRMS,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Running:
    """Run the servers on 127.0.0.1 until `stop`: HubSpot on port+1, Salesforce +2, Pipedrive +3, ActiveCampaign +4; 0 picks free ones.

    Each server has a clock of its own unless one is handed in. `settings` are switches by CRM.
    """
    from sandbox.running import Running

    chosen = [crm for crm in CRMS if crm in only]
    apps = {crm: app(crm, clock=clock, bare=bare, limits=limits, settings=(settings or {}).get(crm)) for crm in chosen}
    ports = {crm: port + 1 + CRMS.index(crm) if port else 0 for crm in chosen}
    return Running(apps, ports, seed=seed, state=None if state is None else Path(state), tls=tls)
