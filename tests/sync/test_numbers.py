"""A number of somebody's own keeps its decimals in every CRM, or is held where a field cannot keep them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.base import NewField
from leads.model import Winner
from mappings.custom import CustomRow, extended
from sandbox.inprocess import InProcess
from sync.policy import FieldPolicy
from sync.workspace import Workspace
from tests.sync.rig import World, totals

ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example"}
PLACES = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons", "activecampaign": "contacts"}
HOURS = "weekly_hours"


class Measured(World):
    """Every CRM has a number of the user's own; ActiveCampaign keeps it in a text, Salesforce has no room for decimals."""

    def workspace(self, **changes: Any) -> Workspace:
        return super().workspace(fields={"custom.hours": FieldPolicy(Winner.NEWEST, "both")}, **changes)

    def mapping(self, crm: str, object: str) -> Any:
        shipped = super().mapping(crm, object)
        return extended(shipped, {"custom.hours": CustomRow(HOURS, "number")}) if object == PLACES[crm] else shipped


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Measured]:
    built = Measured(tmp_path, [{"crm": crm, **ANNA} for crm in PLACES])
    for crm, object in PLACES.items():
        kind = "text" if crm == "activecampaign" else "int" if crm == "salesforce" else "float"
        account = built.account(crm, InProcess(built.apps[crm]))
        account.connector.create_field(object, NewField(HOURS, HOURS, kind))  # type: ignore[arg-type]
    yield built
    built.store.close()


def show(built: Measured, crm: str) -> Any:
    object = PLACES[crm]
    record = built.records(crm, object)[0]
    name = {"hubspot": "weekly_hours", "salesforce": "Weekly_Hours__c", "activecampaign": "WEEKLY_HOURS"}.get(crm, "weekly_hours")
    return built.value(crm, object, str(record.get("id", record.get("Id"))), name)


def shows(built: Measured) -> dict[str, Any]:
    return {crm: show(built, crm) for crm in PLACES}


def enter(built: Measured, crm: str, value: Any) -> None:
    record = built.records(crm, PLACES[crm])[0]
    name = "Weekly_Hours__c" if crm == "salesforce" else "weekly_hours"
    built.act(crm, "edit", PLACES[crm], str(record.get("id", record.get("Id"))), fields={name: value})


def held(report: Any) -> list[tuple[str, int]]:
    return [(one["account"], one["count"]) for one in report.problems if one["cause"] == "held:too_precise"]


def test_a_fraction_reaches_who_can_show_it_and_is_held_and_named_where_it_would_be_rounded(measured: Measured) -> None:
    measured.sync()
    enter(measured, "hubspot", "43.50")
    report = measured.sync()
    assert shows(measured) == {"hubspot": "43.50", "salesforce": None, "pipedrive": 43.5, "activecampaign": "43.5"}
    assert held(report) == [("salesforce", 1)]
    for _ in range(2):
        report = measured.sync()
        assert not any(totals(report).values())
        assert held(report) == [("salesforce", 1)]


def test_a_whole_number_reaches_everybody_and_its_spelling_is_nobodys_edit(measured: Measured) -> None:
    measured.sync()
    enter(measured, "hubspot", "43.0")
    measured.sync()
    assert shows(measured) == {"hubspot": "43.0", "salesforce": 43, "pipedrive": 43, "activecampaign": "43"}
    assert not any(totals(measured.sync()).values())
    enter(measured, "salesforce", 45)
    assert held(measured.sync()) == []
    assert shows(measured) == {"hubspot": "45", "salesforce": 45, "pipedrive": 45, "activecampaign": "45"}
    assert not any(totals(measured.sync()).values())


def test_what_a_coarser_crm_shows_rounded_changes_nobody(measured: Measured) -> None:
    measured.sync()
    enter(measured, "salesforce", 44)
    measured.sync()
    enter(measured, "pipedrive", 43.5)
    for _ in range(3):
        measured.sync()
    assert shows(measured) == {"hubspot": "43.5", "salesforce": 44, "pipedrive": 43.5, "activecampaign": "43.5"}
