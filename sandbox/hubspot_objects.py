"""HubSpot's objects: records with properties, unique values, archive, merge, and the indexes that reading and searching need."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_answers import RowRefused, invalid, invalid_values, not_found
from sandbox.hubspot_properties import LIFECYCLE, BadValue, Property, checked
from sandbox.shelf import Changes, Ids
from sandbox.wire import iso_ms

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpot

DAY_MS = 86_400_000
KEPT_DAYS = 90  # an archived record can be restored for so long
MAX_IDENTITIES = 250


class Thing:
    """One record. `merged` are the ids that were merged into it, `history` the values a property had since its creation."""

    __slots__ = ("archived", "created", "hidden_change", "history", "id", "merged", "props", "updated")

    def __init__(self, id: int, created: int) -> None:
        self.id = id
        self.props: dict[str, str] = {}
        self.created = created
        self.updated = created
        self.hidden_change = created
        self.archived: int | None = None
        self.merged: tuple[int, ...] = ()
        self.history: dict[str, list[tuple[str, int, str]]] = {}

    def value(self, name: str) -> str | None:
        """A property as text, the computed ones included."""
        compute = COMPUTED.get(name)
        return self.props.get(name) if compute is None else compute(self)


COMPUTED: dict[str, Callable[[Thing], str | None]] = {
    "hs_object_id": lambda thing: str(thing.id),
    "createdate": lambda thing: iso_ms(thing.created),
    "hs_createdate": lambda thing: iso_ms(thing.created),
    "lastmodifieddate": lambda thing: iso_ms(thing.updated),
    "hs_lastmodifieddate": lambda thing: iso_ms(max(thing.updated, thing.hidden_change)),
    "hs_merged_object_ids": lambda thing: ";".join(map(str, thing.merged)) or None,
    "hs_all_contact_vids": lambda thing: ";".join(map(str, (thing.id, *thing.merged))),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Property names, prepared once for a page of records."""

    stored: tuple[str, ...]
    computed: tuple[str, ...]


class Objects:
    """All records of one object type."""

    def __init__(self, app: HubSpot, name: str, type_id: str, singular: str, properties: dict[str, Property], first_id: int) -> None:
        self.app = app
        self.name = name
        self.type_id = type_id
        self.singular = singular
        self.properties = properties
        self.modified = "lastmodifieddate" if name == "contacts" else "hs_lastmodifieddate"
        self.created = "hs_createdate" if name == "leads" else "createdate"
        shown = ("email", "firstname", "lastname") if name == "contacts" else ("name", "domain") if name == "companies" else ()
        self.always = (self.created, self.modified, "hs_object_id")
        self.default = tuple(sorted((*shown, *self.always)))
        self.by_id: dict[int, Thing] = {}
        self.live = Ids()
        self.archived = Ids()
        self.changes = Changes()
        self.forward: dict[int, int] = {}
        self.ghosts: dict[int, Thing] = {}  # merged-away records, which a search may still show
        self.unique: dict[str, dict[str, int]] = {}
        self.version = 0
        self._next = first_id
        self._bin: deque[tuple[int, int]] = deque()

    # -- finding ---------------------------------------------------------------------------------------------------------------------

    def resolve(self, id: str | int) -> Thing | None:
        """The record of an id, following merges."""
        if isinstance(id, str) and not id.isdigit():
            return None
        number = int(id)
        while number in self.forward:
            number = self.forward[number]
        return self.by_id.get(number)

    def holder(self, property: str, value: str) -> Thing | None:
        id = self.unique.get(property, {}).get(value.strip().lower())
        return None if id is None else self.by_id[id]

    def is_key(self, property: str) -> bool:
        return (property == "email" and self.name == "contacts") or (property in self.properties and self.properties[property].unique)

    def find(self, id: str, id_property: str | None) -> Thing | None:
        if id_property in (None, "hs_object_id"):
            return self.resolve(id)
        if not self.is_key(id_property or ""):
            raise invalid(f"Property {id_property} is not a unique property of {self.type_id}")
        return self.holder(id_property or "", id)

    # -- writing -----------------------------------------------------------------------------------------------------------------------

    def check(self, given: Mapping[str, Any], thing: Thing | None) -> dict[str, str]:
        """The values as they would be stored; raises RowRefused naming every bad one."""
        values: dict[str, str] = {}
        problems: list[dict[str, Any]] = []
        for name, raw in given.items():
            if raw is None and self.app.settings["null_clears"] is False:
                continue
            text = _text(raw)
            try:
                values[name] = self._checked(name, text, thing)
            except BadValue as bad:
                problems.append(_problem(bad, name, int(self.app.settings["portal_id"])))
        if problems:
            raise invalid_values(problems)
        self._refuse_conflicts(values, thing)
        return self._without_step_back(values, thing)

    def _checked(self, name: str, text: str, thing: Thing | None) -> str:
        property = self.properties.get(name)
        if property is None:
            raise BadValue("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        if property.read_only:
            raise BadValue("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set')
        if name == "hubspot_owner_id" and text and not self.app.is_owner(text):
            raise BadValue("INVALID_OPTION", f"{text} is not the id of an owner of this account")
        if name == "email" and text.strip().lower() in self.app.blocked:
            raise BadValue("INVALID_EMAIL", "This email address was permanently deleted and cannot be used")
        return checked(property, text, None if thing is None else thing.props.get(name))

    def _refuse_conflicts(self, values: Mapping[str, str], thing: Thing | None) -> None:
        for name, value in values.items():
            if value == "" or not self.is_key(name):
                continue
            other = self.holder(name, value)
            if other is None or other is thing:
                continue
            if name == "email":
                raise RowRefused(409, "CONFLICT", f"{self.singular} already exists. Existing ID: {other.id}")
            on = "new object" if thing is None else str(thing.id)
            message = f"Cannot set PropertyValueCoordinates{{propertyName={name}}} on {on}. {other.id} already has that value."
            problem = _problem(BadValue("CONFLICTING_UNIQUE_VALUE", message), name, int(self.app.settings["portal_id"]))
            refusal = invalid_values([problem])
            refusal.status = int(self.app.settings["unique_conflict_status"])
            raise refusal

    def _without_step_back(self, values: dict[str, str], thing: Thing | None) -> dict[str, str]:
        new, old = values.get("lifecyclestage"), None if thing is None else thing.props.get("lifecyclestage")
        if not new or not old or self._stage_rank(new) >= self._stage_rank(old):
            return values
        mode = self.app.settings["lifecycle_backwards"]
        if mode == "refused":
            bad = BadValue("INVALID_LIFECYCLE_STAGE", "lifecyclestage can only be moved forward; clear it first")
            raise invalid_values([_problem(bad, "lifecyclestage", int(self.app.settings["portal_id"]))])
        return values if mode == "accepted" else {name: value for name, value in values.items() if name != "lifecyclestage"}

    def _stage_rank(self, stage: str) -> int:
        return LIFECYCLE.index(stage) if stage in LIFECYCLE else len(LIFECYCLE)

    def create(self, values: Mapping[str, str], source: str = "INTEGRATION", at: int | None = None) -> Thing:
        now = self.app.now_ms() if at is None else at
        thing = Thing(self._next, now)
        self._next += 1
        self.by_id[thing.id] = thing
        self.live.add(thing.id)
        self.changes.touch(thing.id, now)
        self.version += 1
        self._put(thing, values, now, source)
        self._react(thing, values, now)
        return thing

    def update(self, thing: Thing, values: Mapping[str, str], source: str = "INTEGRATION", at: int | None = None) -> None:
        """Store values; the modification date moves only where something really changes."""
        now = self.app.now_ms() if at is None else at
        if self._put(thing, values, now, source):
            self.touch(thing, now)
        self._react(thing, values, now)

    def touch(self, thing: Thing, at: int) -> None:
        thing.updated = at
        self.changes.touch(thing.id, at)
        self.version += 1

    def _react(self, thing: Thing, values: Mapping[str, str], now: int) -> None:
        if self.app.workflows:
            reaction = self.app.reactions(self.name, values)
            if reaction and self._put(thing, {name: _text(value) for name, value in reaction.items()}, now, "AUTOMATION_PLATFORM"):
                self.touch(thing, now)

    def _put(self, thing: Thing, values: Mapping[str, str], at: int, source: str) -> bool:
        changed = False
        for name, new in values.items():
            old = thing.props.get(name, "")
            if new == old:
                continue
            changed = True
            if self.is_key(name):
                self._reindex(thing, name, old, new)
            if old or thing.created != at:
                thing.history.setdefault(name, [(old, thing.created, source)] if old else []).append((new, at, source))
            if new == "":
                del thing.props[name]
            else:
                thing.props[name] = new
        if changed and self.name == "contacts" and "email" in values:
            self.app.mirror_consent(thing)
        return changed

    def _reindex(self, thing: Thing, name: str, old: str, new: str) -> None:
        index = self.unique.setdefault(name, {})
        if old and index.get(old.lower()) == thing.id:
            del index[old.lower()]
        if new:
            index[new.lower()] = thing.id

    def keys_of(self, thing: Thing) -> Iterator[tuple[str, str]]:
        """Every unique value a record holds, additional addresses included."""
        for name, value in thing.props.items():
            if self.is_key(name):
                yield name, value.lower()
        for address in thing.props.get("hs_additional_emails", "").split(";"):
            if address:
                yield "email", address.lower()

    # -- endings -----------------------------------------------------------------------------------------------------------------------

    def archive(self, thing: Thing) -> None:
        if thing.archived is not None:
            return
        thing.archived = self.app.now_ms()
        self._withdraw(thing)
        self.archived.add(thing.id)
        self._bin.append((thing.archived, thing.id))

    def restore(self, thing: Thing) -> None:
        """Bring an archived record back; raises RowRefused where its unique values are taken meanwhile."""
        for name, value in self.keys_of(thing):
            if value in self.unique.get(name, {}):
                raise RowRefused(409, "CONFLICT", f"{self.singular} {thing.id} cannot be restored: its {name} is in use")
        thing.archived = None
        self.archived.remove(thing.id)
        self.live.add(thing.id)
        for name, value in self.keys_of(thing):
            self.unique.setdefault(name, {})[value] = thing.id
        self.touch(thing, self.app.now_ms())

    def purge(self, thing: Thing) -> None:
        if thing.archived is None:
            self._withdraw(thing)
        self.archived.remove(thing.id)
        del self.by_id[thing.id]

    def _withdraw(self, thing: Thing) -> None:
        self.live.remove(thing.id)
        self.changes.forget(thing.id)
        for name, value in list(self.keys_of(thing)):
            if self.unique.get(name, {}).get(value) == thing.id:
                del self.unique[name][value]
        self.version += 1

    def expire(self, now_ms: int) -> None:
        """Purge what was archived 90 days ago."""
        while self._bin and self._bin[0][0] <= now_ms - KEPT_DAYS * DAY_MS:
            at, id = self._bin.popleft()
            thing = self.by_id.get(id)
            if thing is not None and thing.archived == at:
                self.purge(thing)

    def merge(self, primary: Thing, other: Thing) -> Thing:
        """A new record with a new id; both old ids lead to it (vendor changelog "Updated merge functionality")."""
        now = self.app.now_ms()
        values = dict(primary.props)
        if self.app.settings["merge_fills_blanks"]:
            values = {**other.props, **values}
        stages = [stage for thing in (primary, other) if (stage := thing.props.get("lifecyclestage"))]
        if stages:
            values["lifecyclestage"] = max(stages, key=self._stage_rank)
        if "true" in (primary.props.get("hs_marketable_status"), other.props.get("hs_marketable_status")):
            values["hs_marketable_status"] = "true"
        emails = list(dict.fromkeys(value for thing in (primary, other) for value in self._emails(thing)))
        values["hs_additional_emails"] = ";".join(emails[1:])
        # Chained merges are missing here (fivetran/dbt_hubspot#168), hs_merged_object_ids has them all.
        values["hs_calculated_merged_vids"] = f"{primary.id}:{now};{other.id}:{now}"
        for thing in (primary, other):
            self._withdraw(thing)
            self.ghosts[thing.id] = self.by_id.pop(thing.id)
        merged = self.create({name: value for name, value in values.items() if value}, "MERGE_OBJECTS")
        merged.created = min(primary.created, other.created)
        merged.merged = (*primary.merged, *other.merged, primary.id, other.id)
        self.forward.update({primary.id: merged.id, other.id: merged.id})
        for address in emails[1:]:
            self.unique.setdefault("email", {})[address] = merged.id
        return merged

    def _emails(self, thing: Thing) -> Iterator[str]:
        yield from (address for address in (thing.props.get("email"), *thing.props.get("hs_additional_emails", "").split(";")) if address)

    def add_address(self, thing: Thing, address: str) -> None:
        """A further e-mail address, which only a person can add."""
        known = [part for part in thing.props.get("hs_additional_emails", "").split(";") if part]
        thing.props["hs_additional_emails"] = ";".join([*known, address])
        self.unique.setdefault("email", {})[address.lower()] = thing.id
        self.version += 1

    def drop_address(self, thing: Thing, address: str) -> None:
        """A further address that a person takes away is anybody's again."""
        known = [part for part in thing.props.get("hs_additional_emails", "").split(";") if part and part != address]
        thing.props["hs_additional_emails"] = ";".join(known)
        if self.unique.get("email", {}).get(address.lower()) == thing.id:
            del self.unique["email"][address.lower()]
        self.version += 1

    def wanted(self, names: Iterable[str] | None) -> Wanted:
        """What to show of a record: the names asked for that exist, and those that always come along."""
        chosen = self.default if names is None else (*self.always, *(name for name in names if name in self.properties))
        return Wanted(tuple(name for name in chosen if name not in COMPUTED), tuple(name for name in chosen if name in COMPUTED))

    # -- showing -----------------------------------------------------------------------------------------------------------------------

    def show(
        self, thing: Thing, names: Iterable[str] | Wanted | None, *, dated: bool = False, with_history: Iterable[str] = ()
    ) -> dict[str, Any]:
        wanted = names if isinstance(names, Wanted) else self.wanted(names)
        values = {name: thing.props.get(name) for name in wanted.stored}
        for name in wanted.computed:
            values[name] = COMPUTED[name](thing)
        if dated and self.app.settings["dated_empty"] == "omitted":
            values = {name: value for name, value in values.items() if value is not None}
        shown = {
            "id": str(thing.id),
            "properties": values,
            "createdAt": iso_ms(thing.created),
            "updatedAt": iso_ms(thing.updated),
            "archived": thing.archived is not None,
        }
        if thing.archived is not None:
            shown["archivedAt"] = iso_ms(thing.archived)
        if with_history:
            shown["propertiesWithHistory"] = {name: _history(thing, name) for name in with_history if name in self.properties}
        return shown

    def snapshot(self) -> dict[str, Any]:
        things = [
            [thing.id, thing.props, thing.created, thing.updated, thing.hidden_change, thing.archived, thing.merged, thing.history]
            for thing in self.by_id.values()
        ]
        return {"next": self._next, "forward": list(self.forward.items()), "things": things}

    def restore_all(self, state: Mapping[str, Any]) -> None:
        self._next = state["next"]
        self.forward = dict(state["forward"])
        for id, props, created, updated, hidden, archived, merged, history in state["things"]:
            thing = Thing(id, created)
            thing.props, thing.updated, thing.hidden_change, thing.archived, thing.merged = props, updated, hidden, archived, tuple(merged)
            thing.history = {name: [(value, at, source) for value, at, source in values] for name, values in history.items()}
            self.by_id[id] = thing
            (self.live if archived is None else self.archived).add(id)
            if archived is not None:
                self._bin.append((archived, id))
                continue
            self.changes.touch(id, updated)
            for name, value in self.keys_of(thing):
                self.unique.setdefault(name, {})[value] = id
        self._bin = deque(sorted(self._bin))
        self.version += 1


def missing(name: str, ids: list[str]) -> dict[str, Any]:
    message = f"Could not get some {name} objects, they may be deleted or not exist. Check that ids are valid."
    return {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": ids}}


def require(thing: Thing | None) -> Thing:
    """The record, unless there is none or it is archived."""
    if thing is None or thing.archived is not None:
        raise not_found()
    return thing


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _problem(bad: BadValue, name: str, portal: int) -> dict[str, Any]:
    return {
        "isValid": False,
        "message": bad.message,
        "error": bad.code,
        "name": name,
        "localizedErrorMessage": bad.message,
        "portalId": portal,
    }


def _history(thing: Thing, name: str) -> list[dict[str, Any]]:
    """Newest first."""
    current = thing.value(name)
    values = thing.history.get(name) or ([(current, thing.created, "INTEGRATION")] if current is not None else [])
    names = ("value", "timestamp", "sourceType", "sourceId")
    return [dict(zip(names, (value, iso_ms(at), source, "sandbox"), strict=True)) for value, at, source in reversed(values)]
