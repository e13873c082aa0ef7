"""Field history: what Salesforce writes down about the fields that an administrator has set to be tracked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce
    from sandbox.salesforce_objects import Row

LONGEST = 255  # of longer texts, and of several choices, only that they changed


def tracked(app: Salesforce, object: str) -> set[str]:
    return {name.partition(".")[2] for name in app.settings["tracked_fields"] if name.partition(".")[0] == object}


def log(app: Salesforce, object: str, row: Row, before: Mapping[str, Any], user: str | None, at: int | None) -> None:
    """One line per tracked field that is another than `before`."""
    if not app.settings["tracked_fields"]:
        return
    for name in sorted(tracked(app, object)):
        old, new = before.get(name), row.values.get(name)
        if old != new:
            field = app.tables[object].fields[name]
            values = {} if field.length > LONGEST or field.type == "multipicklist" else {"OldValue": old, "NewValue": new}
            line = {f"{object}Id": row.id, "Field": name, "DataType": field.type.title(), **values}
            app.tables[f"{object}History"].create({key: value for key, value in line.items() if value is not None}, user=user, at=at)


def define_fields(app: Salesforce) -> None:
    """What the definitions say of the fields of leads and contacts now."""
    definitions, entities = app.tables["FieldDefinition"], app.tables["EntityDefinition"]
    for table in (definitions, entities):
        for id in list(table.rows):
            table.purge(table.rows[id])
    for object in ("Lead", "Contact"):
        entity, kept = entities.create({"QualifiedApiName": object}), tracked(app, object)
        for name in app.tables[object].visible():
            said = {"EntityDefinitionId": entity.id, "QualifiedApiName": name, "IsFieldHistoryTracked": name in kept}
            definitions.create(said)
