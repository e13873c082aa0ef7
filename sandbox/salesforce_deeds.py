"""What a person does in Salesforce where REST has no resource: convert, merge, undelete, purge, hide, and edits by colleagues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.salesforce_answers import Fault
from sandbox.salesforce_objects import Row, Table, require
from sandbox.salesforce_values import seconds_of, stamp_text
from sandbox.wire import ActRefused

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce

# what a conversion carries from the Lead to the Contact
CARRIED = (
    "Salutation", "FirstName", "LastName", "Title", "Phone", "MobilePhone", "Fax", "Email", "LeadSource", "HasOptedOutOfEmail",
    "HasOptedOutOfFax", "DoNotCall", "Description",
)  # fmt: skip
ADDRESS = ("Street", "City", "State", "PostalCode", "Country")


def act(app: Salesforce, body: Mapping[str, Any]) -> dict[str, Any]:
    deed = DEEDS.get(str(body.get("do")))
    if deed is None:
        raise ActRefused(f"Salesforce cannot {body.get('do')!r}; it can {', '.join(sorted(DEEDS))} and workflow")
    table = app.table(str(body.get("object") or "Lead"))
    if table is None:
        raise ActRefused(f"there is no object {body.get('object')!r}")
    try:
        return deed(app, table, body)
    except Fault as fault:
        raise ActRefused(f"{fault.code}: {fault.message}") from None


def _edit(app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    """`ids` or `all` edit many in one second; `internal` is system work that moves SystemModstamp only; `stamp_back_s` a late commit."""
    at = app.now_s() - int(body.get("stamp_back_s") or 0)
    fields = dict(body.get("fields") or {})
    modified = fields.pop("LastModifiedDate", None)
    rows = _chosen(table, body)
    for row in rows:
        if body.get("internal"):
            table.touch(row, at, system=True)
            continue
        table.update(row, table.check(fields, row), user=app.anna_id, at=at)
        if modified is not None:
            row.modified = seconds_of(str(modified))
    return {"ids": [row.id for row in rows[:1000]], "count": len(rows)}


def _clear(app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    return _edit(app, table, {**body, "fields": dict.fromkeys(body.get("fields") or ())})


def _create(app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    at = app.now_s() - int(body.get("stamp_back_s") or 0)
    return {"id": table.create(table.check(body.get("fields") or {}, None), user=app.anna_id, at=at).id}


def _delete(_app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    rows = _chosen(table, body)
    for row in rows:
        table.delete(row)
    return {"ids": [row.id for row in rows[:1000]], "count": len(rows)}


def _merge(_app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    """`id` (or up to two `ids`) is merged into `into`, whose blanks it fills."""
    master = require(table, str(body.get("into")))
    losers = [require(table, str(id)) for id in body.get("ids") or [body.get("id")]]
    merge(table, master, losers)
    return {"id": master.id}


def merge(table: Table, master: Row, losers: list[Row]) -> None:
    if master.values.get("IsConverted"):
        raise Fault("INVALID_OPERATION", "a converted lead cannot be the master of a merge")
    if not 1 <= len(losers) <= 2 or master in losers:
        raise Fault("INVALID_OPERATION", "a merge has one master and one or two other records")
    blanks: dict[str, Any] = {}
    for loser in losers:
        blanks.update((name, value) for name, value in loser.values.items() if name not in master.values and name not in blanks)
        table.delete(loser, master=master.id)
    table.update(master, {name: value for name, value in blanks.items() if name in table.fields and table.fields[name].updateable})


def _convert(app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    """A Lead becomes an Account and a Contact; `into` names an existing contact, whose blanks are filled."""
    if table.name != "Lead":
        raise ActRefused("only a Lead can be converted")
    return convert(app, require(table, str(body.get("id"))), body.get("into"))


def convert(app: Salesforce, lead: Row, into: Any = None) -> dict[str, Any]:
    if lead.values.get("IsConverted"):
        raise Fault("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    contacts, accounts, leads = app.tables["Contact"], app.tables["Account"], app.tables["Lead"]
    values = {name: lead.values[name] for name in CARRIED if name in lead.values}
    values.update((f"Mailing{name}", lead.values[name]) for name in ADDRESS if name in lead.values)
    if into is None:
        account = accounts.create({"Name": lead.values["Company"]}, user=app.anna_id)
        contact = contacts.create({**values, "AccountId": account.id}, user=app.anna_id)
        if str(lead.values.get("OwnerId", "")).startswith("005"):
            contact.values["OwnerId"] = lead.values["OwnerId"]
        account_id: Any = account.id
    else:
        contact = require(contacts, str(into))
        contacts.update(contact, {name: value for name, value in values.items() if name not in contact.values}, user=app.anna_id)
        account_id = contact.values.get("AccountId")
    converted = {
        "IsConverted": True, "ConvertedDate": app.today(), "ConvertedContactId": contact.id, "ConvertedAccountId": account_id,
        "Status": "Closed - Converted",
    }  # fmt: skip
    leads.update(lead, converted, user=app.anna_id)
    return {"id": contact.id, "contact": contact.id, "account": account_id}


def _restore(_app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    row = table.find(str(body.get("id")))
    if row is None or row.deleted_at is None:
        raise ActRefused(f"{body.get('id')} is not in the recycle bin")
    table.restore(row)
    return {"id": row.id}


def _purge(_app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    row = table.find(str(body.get("id")))
    if row is None:
        raise ActRefused(f"there is no {table.name} {body.get('id')}")
    table.purge(row)
    return {"id": row.id}


def _hide(app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    """Sharing changes: the integration user no longer sees the row (`"off": true` shows it again); or a field, by `field`."""
    if "field" in body:
        name = f"{table.name}.{body['field']}"
        hidden = set(app.settings["hidden_fields"]) - {name} if body.get("off") else {*app.settings["hidden_fields"], name}
        app.settings["hidden_fields"] = sorted(hidden)
        return {"hidden_fields": app.settings["hidden_fields"]}
    id = str(body.get("id"))
    if body.get("off"):
        row = app.hidden_rows.pop(id)
        table.put_back(row.id, row)
    else:
        row = require(table, id)
        app.hidden_rows[row.id] = row
        table.put_back(row.id, None)
    return {"id": row.id}


# What recipients do. The flags have neither a time nor a source; where the org has privacy objects, their consents are kept there too.


def _unsubscribe(app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    return _flag(app, table, body, {"HasOptedOutOfEmail": True}, "OptOut")


def _resubscribe(app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    return _flag(app, table, body, {"HasOptedOutOfEmail": False}, "OptIn")


def _complaint(app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    """Somebody notes a complaint: no mail, and the individual is not to be marketed to."""
    done = _flag(app, table, body, {"HasOptedOutOfEmail": True}, "OptOut")
    party = require(table, done["id"]).values.get("IndividualId")
    if party is not None:
        individuals = app.tables["Individual"]
        individuals.update(require(individuals, str(party)), {"HasOptedOutSolicit": True}, user=app.anna_id)
    return done


def _bounce(app: Salesforce, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    row = require(table, str(body.get("id")))
    bounced = {"EmailBouncedReason": str(body.get("reason", "550 unknown user")), "EmailBouncedDate": stamp_text(app.now_s())}
    table.update(row, bounced, user=app.anna_id)
    return {"id": row.id}


def _flag(app: Salesforce, table: Table, body: Mapping[str, Any], flags: Mapping[str, Any], status: str) -> dict[str, Any]:
    row = require(table, str(body.get("id")))
    table.update(row, dict(flags), user=app.anna_id)
    consents = app.tables["ContactPointTypeConsent"]
    for id in consents.live:
        consent = consents.rows[id]
        if consent.values.get("PartyId") == row.values.get("IndividualId") and consent.values["ContactPointType"] == "Email":
            consents.update(consent, {"PrivacyConsentStatus": status, "CaptureDate": stamp_text(app.now_s())}, user=app.anna_id)
    return {"id": row.id}


DEEDS: dict[str, Callable[[Salesforce, Table, Mapping[str, Any]], dict[str, Any]]] = {
    "edit": _edit, "clear": _clear, "create": _create, "delete": _delete, "merge": _merge, "convert": _convert, "restore": _restore,
    "purge": _purge, "hide": _hide, "unsubscribe": _unsubscribe, "resubscribe": _resubscribe, "complaint": _complaint, "bounce": _bounce,
}  # fmt: skip


def _chosen(table: Table, body: Mapping[str, Any]) -> list[Row]:
    if body.get("all"):
        return [table.rows[id] for id in table.live]
    return [require(table, str(id)) for id in body.get("ids") or [body.get("id")]]
