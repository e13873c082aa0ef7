"""The shipped mappings against CRMs that answer as the vendors do: bound, written, read back."""

from __future__ import annotations

from importlib import import_module

import pytest

from connectors import Access, connect
from connectors.base import Connector, NewField, Op, Outcome, Write
from leads.model import Lead, value_of
from leads.normal import item_email, item_phone
from mappings.apply import Dialect, bind
from mappings.schema import custom_fields, packaged
from mappings.sets import project
from mappings.values import Held, Json, is_nothing
from sandbox.inprocess import InProcess
from sandbox.wire import Clock

APPS = {"hubspot": "HubSpot", "salesforce": "Salesforce", "pipedrive": "Pipedrive", "activecampaign": "ActiveCampaign"}
SECRETS = {
    "hubspot": {"token": "sandbox-hubspot-token"},
    "salesforce": {"session_id": "sandbox-salesforce-session"},
    "pipedrive": {"token": "5a4db0c0" + "0" * 32},
    "activecampaign": {"token": "sandbox-activecampaign-token"},
}
LEAD: Lead = {
    "first_name": "Zoë",
    "last_name": "Müller-Lüdenscheidt",
    "salutation": "Frau",
    "emails": (item_email("zoe@firma.de"), item_email("z.mueller@firma.at")),
    "phones": (item_phone("030 1234567", "DE", "work"), item_phone("0170 1234567", "DE", "mobile"), item_phone("030 1234568", "DE", "fax")),
    "company.name": "Firma GmbH & Co. KG",
    "company.employees": 1200,
    "address.street": "Hauptstraße 1",
    "address.city": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
    "address.country": "DE",
    "language": "de",
    "owner": "anna@firma.example",
    "stage": "hot",
    "qualification.need": "partial",
    "opt_out.phone": True,
    "score": 87,
    "reason": "Budget and need are known.",
}


def account(crm: str, *, bare: bool) -> Connector:
    app = getattr(import_module(f"sandbox.{crm}"), APPS[crm])(clock=Clock(), bare=bare)
    access = Access(account=crm, crm=crm, base_url="https://crm.example", secrets=SECRETS[crm], options={})
    return connect(access, adapter=InProcess(app), pacing=False)


def bound(connector: Connector, object: str) -> Dialect:
    mine = connector.identity().user_email
    return bind(packaged(connector.crm, object), connector.describe(object), connector.owners(), region="DE", api_user_email=mine)


def written(dialect: Dialect, lead: Lead, shows: dict[str, Json]) -> dict[str, Json]:
    """The fields that must change so that a record shows the lead."""
    cells = {row.remote: row.format(value_of(lead, row.lead), shows.get(row.remote)) for row in dialect.rows if row.written}
    for name, rows in dialect.sets.items():
        cells |= project(rows, value_of(lead, name), shows)
    return {name: value for name, value in cells.items() if not isinstance(value, Held) and value != shows.get(name)}


def test_setup_makes_a_bare_account_fit_for_the_mapping(crm_object: tuple[str, str]) -> None:
    crm, object = crm_object
    connector = account(crm, bare=True)
    for new in custom_fields(packaged(crm, object)):
        connector.create_field(object, NewField(new.name, new.label, new.type, new.options, new.unique))
    assert bound(connector, object).dropped == ()


def test_a_lead_is_shown_by_every_crm_and_nothing_is_left_to_write(crm_object: tuple[str, str]) -> None:
    crm, object = crm_object
    connector = account(crm, bare=False)
    dialect = bound(connector, object)
    fields = dialect.fill(written(dialect, LEAD, {}))
    (receipt,) = connector.write(object, [Write(Op.CREATE, object, fields, key="k1")])
    assert receipt.outcome is Outcome.CREATED, receipt
    (record,) = connector.get(object, [str(receipt.id)], dialect.fetch)
    assert written(dialect, LEAD, dict(record.fields)) == {}
    for row in dialect.rows:
        if row.lead in LEAD and row.written:
            assert row.parse(record.fields[row.remote], LEAD[row.lead]) == LEAD[row.lead], row.id


def test_clearing_every_field_leaves_nothing_but_what_the_crm_insists_on(crm_object: tuple[str, str]) -> None:
    crm, object = crm_object
    connector = account(crm, bare=False)
    dialect = bound(connector, object)
    (receipt,) = connector.write(object, [Write(Op.CREATE, object, dialect.fill(written(dialect, LEAD, {})), key="k1")])
    before = connector.get(object, [str(receipt.id)], dialect.fetch)[0].fields
    (update,) = connector.write(object, [Write(Op.UPDATE, object, dialect.fill(written(dialect, {}, dict(before))), id=receipt.id)])
    assert update.outcome is Outcome.UPDATED, update
    after = connector.get(object, [str(receipt.id)], dialect.fetch)[0].fields
    values = {row.lead: row.parse(after.get(row.remote)) for row in dialect.rows if row.written}
    assert {name for name, value in values.items() if not is_nothing(value)} <= {"owner", "opt_out.phone", "stage"}


@pytest.mark.parametrize("name", ["hot", "customer"])
def test_the_stage_that_a_person_sets_in_the_view_is_understood(name: str) -> None:
    connector = account("hubspot", bare=False)
    view = next(row for row in bound(connector, "contacts").rows if row.id == "lifecyclestage")
    shown = view.format(name, None)
    assert not isinstance(shown, Held)
    assert view.parse(shown, name) == name
