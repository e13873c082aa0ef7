"""Seed rows as a sales team would have them in Salesforce: customers are contacts of an account, everybody else is a lead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox import seeds
from sandbox.custom_fields import CUSTOM_FIELDS, SEED_COLUMNS
from sandbox.salesforce_answers import Fault
from sandbox.salesforce_objects import Table
from sandbox.salesforce_values import seconds_of
from sandbox.wire import Counts

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce

PLACEHOLDER = "[not provided]"
SEEDED = {
    "Salutation": "title", "Email": "email", "Phone": "phone", "MobilePhone": "mobile", "Title": "job_title", "Company": "company",
    "Website": "website", "Industry": "industry", "NumberOfEmployees": "employees",
}  # fmt: skip
SEEDED_ADDRESS = {"Street": "street", "City": "city", "State": "region", "PostalCode": "postcode", "Country": "country"}


def plant(app: Salesforce, rows: Iterable[Mapping[str, str]]) -> Counts:
    counts = Counts()
    accounts: dict[str, str] = {}
    for row in rows:
        try:
            _plant_one(app, row, accounts)
        except Fault as fault:
            counts.refused[fault.code.lower().replace("_", " ") + (f" ({', '.join(fault.fields)})" if fault.fields else "")] += 1
        else:
            counts.accepted += 1
    return counts


def _plant_one(app: Salesforce, row: Mapping[str, str], accounts: dict[str, str]) -> None:
    customer = row.get("stage", "").lower() == "customer"
    table = app.tables["Contact" if customer else "Lead"]
    first, last = seeds.names(row)
    if not (first or last or row.get("email") or row.get("company")):
        raise Fault("REQUIRED_FIELD_MISSING", "a row without name, address and company", ["LastName"])
    given: dict[str, Any] = {name: row[column] for name, column in SEEDED.items() if column in row}
    given.update((("Mailing" if customer else "") + name, row[column]) for name, column in SEEDED_ADDRESS.items() if column in row)
    given.update(_custom(row, table))
    given.update(FirstName=first or None, LastName=last or PLACEHOLDER, HasOptedOutOfEmail=seeds.says_yes(row.get("opt_out")))
    if customer:
        given = {name: value for name, value in given.items() if name in table.fields}
        given["AccountId"] = _account(app, row.get("company"), accounts)
    else:
        given.setdefault("Company", PLACEHOLDER)
    owner = app.owner_id(row.get("owner", ""))
    user = app.tables["User"].rows.get(owner)
    if owner.startswith("00G") or (user is not None and user.values["IsActive"]):
        given["OwnerId"] = owner
    values = table.check({name: value for name, value in given.items() if value is not None}, None)
    table.create(values, user=app.anna_id, at=_stamp(app, row.get("updated")))


def _custom(row: Mapping[str, str], table: Table) -> dict[str, Any]:
    by_name = {field.name: field for field in CUSTOM_FIELDS}
    names = ((by_name[name].api_name, column) for name, column in SEED_COLUMNS.items() if column in row)
    found = {name: row[column] for name, column in names if name in table.fields}
    for name in ("Leadloom_Stage__c", *(name for name in found if "_Bant_" in name)):
        if name in found and found[name].lower() in table.fields[name].options:
            found[name] = found[name].lower()
    return found


def _account(app: Salesforce, company: str | None, accounts: dict[str, str]) -> str | None:
    if company is None:
        return None
    if company not in accounts:
        table = app.tables["Account"]
        accounts[company] = table.create(table.check({"Name": company}, None), user=app.anna_id).id
    return accounts[company]


def _stamp(app: Salesforce, text: str | None) -> int:
    try:
        return app.now_s() if text is None else min(app.now_s(), seconds_of(text))
    except ValueError:
        return app.now_s()
