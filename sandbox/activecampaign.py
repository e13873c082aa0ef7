"""ActiveCampaign: contacts with unique addresses, custom field values, lists, tags, accounts, bulk import, over API v3.

What the vendor leaves open is a switch; see `switches`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from sandbox import (
    activecampaign_accounts,
    activecampaign_acts,
    activecampaign_contacts,
    activecampaign_fields,
    activecampaign_import,
    activecampaign_lists,
    activecampaign_tags,
)
from sandbox.activecampaign_answers import forbidden, no_result
from sandbox.activecampaign_fields import OUR_FIELDS, Field
from sandbox.activecampaign_rows import (
    ACTIVE,
    UNCONFIRMED,
    UNSUBSCRIBED,
    Contact,
    central,
    dump,
    load,
    memberships_json,
    tags_json,
    values_json,
)
from sandbox.limits import Window
from sandbox.messages import Counts, Reply, Request
from sandbox.rows import Rows
from sandbox.wire import App

REQUESTS_PER_SECOND = 5
USERS = (("1", "Anna", "Berg", "anna"), ("2", "Ben", "Ito", "ben"), ("3", "Clara", "Novak", "clara"), ("5", "Leadloom", "Hub", "hub"))


class ActiveCampaign(App):
    name = "activecampaign"
    token = "sandbox-activecampaign-token"  # noqa: S105  # fixed and public: it opens this imitation only
    parts = (
        activecampaign_contacts, activecampaign_fields, activecampaign_lists, activecampaign_tags, activecampaign_accounts,
        activecampaign_import,
    )  # fmt: skip
    switches: ClassVar[dict[str, Any]] = {
        "account_name": "sandbox",
        "account_number": 1,  # another one is another account: other field ids
        "flaky_403": 0,  # so many of the next requests are refused with a good token
        "crm_plan": True,
        "deals_visible": True,
        "side_loads": True,  # whether include= works
        "naive_zone": "central",  # or utc: how a filter's time without an offset is read
        "list_change_bumps": True,
        "engagement_bumps": False,
        "null_udate": False,  # a contact that was never changed has no udate
        "sync_status": "201_then_200",  # or always_201
        "email_case_sensitive": False,
        "touch_without_change": True,  # whether a write that changes nothing moves udate
        "truncate_at": None,  # longer texts are cut
        "import_s": 1,
        "import_success": "Success",  # or success
    }  # fmt: skip

    # -- state -----------------------------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        self.account = str(self.settings["account_name"])
        self.contacts: Rows[Contact] = Rows()
        self.emails: dict[str, int] = {}  # of every contact there is, hidden ones too
        self.fields: dict[int, Field] = {}
        self.next_field = 1 + 37 * (self.settings["account_number"] - 1)
        self.next_option = 1
        self.next_relation = 1
        self.lists: dict[int, dict[str, Any]] = {}
        self.tags: dict[int, dict[str, Any]] = {}
        self.associations: dict[int, tuple[int, int]] = {}
        self.next_association = 1
        self.accounts: dict[int, dict[str, Any]] = {}
        self.deals: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, dict[str, Any]] = {}
        self.exclusions: dict[str, dict[str, Any]] = {}
        self.imports: dict[str, dict[str, Any]] = {}
        self.activities: list[tuple[int, int, str, str]] = []
        self.requests_window = Window(REQUESTS_PER_SECOND, 1)
        self.bulk_imports, self.single_imports = Window(100, 60), Window(20, 60)
        self.users = [_user(*user) for user in USERS]
        for name in ("Newsletter", "Offers"):
            self.add_list(name, name.lower())
        for title, type, options in () if self.bare else OUR_FIELDS:
            made = self.add_field(title, type, title.upper())
            self.add_relation(made, "0")
            for option in options:
                self.add_option(made, option, option)

    def email_key(self, email: str) -> str:
        return email.strip() if self.settings["email_case_sensitive"] else email.strip().lower()

    def contact(self, id: str) -> Contact:
        row = self.contacts.get(int(id)) if id.isdigit() else None
        if row is None:
            raise no_result("Subscriber", id)
        return row

    def tagged(self, perstag: str) -> Field | None:
        return next((one for one in self.fields.values() if one.perstag == perstag.upper()), None)

    def tag_named(self, name: str) -> dict[str, Any] | None:
        return next((tag for tag in self.tags.values() if tag["tag"].lower() == name.lower()), None)

    # -- writes, whoever makes them --------------------------------------------------------------------------------------------------

    def create(self, scalars: Mapping[str, str], values: Mapping[int, str]) -> Contact:
        now = self.clock.now()
        row = Contact(self.contacts.next_id(), "", "", "", "", int(now), now)
        for name, value in scalars.items():
            setattr(row, name, value)
        row.values = {id: self._fitting(value) for id, value in values.items()}
        self.contacts.add(row)
        if row.email:
            self.emails[self.email_key(row.email)] = row.id
        self._react(row, scalars, values)
        return row

    def change(
        self, row: Contact, scalars: Mapping[str, str] | None = None, values: Mapping[int, str] | None = None, *, react: bool = True
    ) -> None:
        now = self.clock.now()
        new_scalars = {name: value for name, value in (scalars or {}).items() if getattr(row, name) != value}
        fitting = {id: self._fitting(value) for id, value in (values or {}).items()}
        new_values = {id: value for id, value in fitting.items() if row.values.get(id) != value}
        if not new_scalars and not new_values and not self.settings["touch_without_change"]:
            return
        with self.contacts.changing(row):
            if "email" in new_scalars:
                self.emails.pop(self.email_key(row.email), None)
                if new_scalars["email"]:
                    self.emails[self.email_key(new_scalars["email"])] = row.id
            for name, value in new_scalars.items():
                setattr(row, name, value)
            self._set_values(row, new_values, int(now))
            row.updated = now
        if react and (new_scalars or new_values):
            self._react(row, new_scalars, new_values)

    def _set_values(self, row: Contact, values: Mapping[int, str], now: int) -> None:
        """Every value has a time of its own."""
        times = dict(row.value_times or {})
        for id, value in values.items():
            created = times.get(id, (row.created, row.created))[0] if id in row.values else now
            times[id] = (created, now)
            row.values[id] = value
        row.value_times = times or None

    def _fitting(self, value: str) -> str:
        return value[: self.settings["truncate_at"]]

    def _react(self, row: Contact, scalars: Mapping[str, str], values: Mapping[int, str]) -> None:
        if not self.workflows:
            return
        outside = {held: name for name, held in activecampaign_contacts.SCALARS.items()}
        written = {outside[name]: value for name, value in scalars.items()} | {
            self.fields[id].perstag: value for id, value in values.items()
        }
        wanted = self.reactions("contacts", written)
        inside = activecampaign_contacts.SCALARS
        tagged = {name: self.tagged(name) for name in wanted if name not in inside}
        self.change(
            row,
            {inside[name]: str(value) for name, value in wanted.items() if name in inside},
            {found.id: str(wanted[name]) for name, found in tagged.items() if found is not None},
            react=False,
        )

    def delete(self, row: Contact) -> None:
        with self.contacts.changing(row):
            row.deleted_at = self.clock.now()
        self.emails.pop(self.email_key(row.email), None)

    def subscribe(self, row: Contact, list_id: int, status: int, source: str) -> None:
        """The time of subscribing is kept; an active membership has no time of unsubscribing."""
        now = int(self.clock.now())
        held = row.lists.get(list_id)
        subscribed = now if held is None else held[1]
        unsubscribed = None if status in (UNCONFIRMED, ACTIVE) else (held[2] if held is not None and held[0] == UNSUBSCRIBED else now)
        with self.contacts.changing(row):
            row.lists = {**row.lists, list_id: (status, subscribed, unsubscribed, source)}
            if self.settings["list_change_bumps"]:
                row.updated = self.clock.now()
        self.activities.append((now, row.id, "unsubscribe" if status == UNSUBSCRIBED else "subscribe", str(list_id)))

    def tag(self, row: Contact, tag_id: int) -> None:
        with self.contacts.changing(row):
            row.tags = {**(row.tags or {}), tag_id: (self.next_association, int(self.clock.now()))}
            row.updated = self.clock.now()
        self.associations[self.next_association] = (row.id, tag_id)
        self.next_association += 1

    def untag(self, row: Contact, tag_id: int) -> None:
        with self.contacts.changing(row):
            gone = (row.tags or {})[tag_id][0]
            row.tags = {id: held for id, held in (row.tags or {}).items() if id != tag_id} or None
            row.updated = self.clock.now()
        del self.associations[gone]

    def join_account(self, row: Contact, account_id: int, title: str) -> None:
        with self.contacts.changing(row):
            row.account = (self.next_association, account_id, title)
            row.updated = self.clock.now()
        self.next_association += 1

    # -- set-up ----------------------------------------------------------------------------------------------------------------------

    def add_list(self, name: str, stringid: str) -> dict[str, Any]:
        id = max(self.lists, default=0) + 1
        now = central(int(self.clock.now()))
        made = {"stringid": stringid or name.lower(), "name": name, "cdate": now, "udate": now, "userid": "1", "channel": "email"}
        self.lists[id] = made | {"sender_url": "https://firma.example", "sender_reminder": "You signed up.", "links": {}, "id": str(id)}
        return self.lists[id]

    def add_field(self, title: str, type: str, perstag: str, *, description: str = "") -> Field:
        made = Field(self.next_field, title, type, perstag, int(self.clock.now()), description)
        self.fields[made.id] = made
        self.next_field += 1
        return made

    def add_option(self, target: Field, value: str, label: str) -> dict[str, Any]:
        now = central(int(self.clock.now()))
        made = {"field": str(target.id), "orderid": str(len(target.options) + 1), "value": value, "label": label, "isdefault": "0"}
        target.options.append(made | {"cdate": now, "udate": now, "links": {}, "id": str(self.next_option)})
        self.next_option += 1
        return target.options[-1]

    def add_relation(self, target: Field, list_id: str) -> dict[str, Any]:
        now = central(int(self.clock.now()))
        made = {"field": str(target.id), "relid": list_id, "dorder": "0", "cdate": now, "links": [], "id": str(self.next_relation)}
        target.relations.append(made)
        self.next_relation += 1
        return made

    def add_tag(self, name: str, kind: str, description: str) -> dict[str, Any]:
        id = max(self.tags, default=0) + 1
        now = central(int(self.clock.now()))
        self.tags[id] = {"tag": name, "description": description, "tagType": kind, "cdate": now, "links": {}, "id": str(id)}
        return self.tags[id]

    # -- serving ---------------------------------------------------------------------------------------------------------------------

    def authorize(self, request: Request) -> Reply | None:
        """A bad key is 403, never 401."""
        if request.headers.get("api-token") != self.token:
            return forbidden()
        if self.settings["flaky_403"] > 0:
            self.settings["flaky_403"] -= 1
            return forbidden()
        return None

    def meter(self, _request: Request) -> Reply | None:
        if "vendor" not in self.limits or self.requests_window.take(self.clock.now()):
            return None
        return self._busy()

    def _busy(self) -> Reply:
        wait = max(1, round(self.requests_window.resets_in(self.clock.now()) + 0.5))
        return Reply(429, {"message": "Too Many Requests"}, {"Retry-After": str(wait)})

    def dress(self, _request: Request, reply: Reply) -> None:
        if "vendor" in self.limits:
            reply.headers["RateLimit-Limit"] = str(REQUESTS_PER_SECOND)
            reply.headers["RateLimit-Remaining"] = str(int(self.requests_window.remaining(self.clock.now())))

    def tick(self, _now: float) -> None:
        if self.imports:
            activecampaign_import.finish_imports(self)

    def not_found(self, request: Request) -> Reply:
        return Reply(404, {"message": f'No Route found for "{request.method} {request.path}"'})

    def trouble(self, status: int, _request: Request) -> Reply:
        if status in (401, 403):
            return forbidden()
        return (
            self._busy()
            if status == 429
            else Reply(status, {"message": "Internal Server Error" if status == 500 else "Service Unavailable"})
        )

    # -- control plane ---------------------------------------------------------------------------------------------------------------

    def seed(self, rows: Iterable[Mapping[str, str]]) -> Counts:
        return activecampaign_acts.seed(self, rows)

    def act(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return activecampaign_acts.act(self, body)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "contacts": [self._whole(row) for row in self.contacts.rows.values() if row.deleted_at is None],
            "lists": list(self.lists.values()),
            "tags": list(self.tags.values()),
            "accounts": list(self.accounts.values()),
            "deals": list(self.deals.values()),
            "fields": [one.as_json(self.account) for one in self.fields.values()],
        }

    def _whole(self, row: Contact) -> dict[str, Any]:
        shown: dict[str, Any] = activecampaign_contacts.whole(self, row)["contact"]
        shown["fieldValues"] = [value | {"perstag": self.fields[int(value["field"])].perstag} for value in values_json(row, self.account)]
        return shown | {"contactLists": memberships_json(row, self.account), "contactTags": tags_json(row, self.account)}

    def snapshot(self) -> dict[str, Any]:
        return {
            "contacts": [dump(row) for row in self.contacts.rows.values()],
            "fields": [[getattr(one, name) for name in Field.__slots__] for one in self.fields.values()],
            "next": [self.contacts.last_id, self.next_field, self.next_option, self.next_relation, self.next_association],
            "lists": list(self.lists.values()),
            "tags": list(self.tags.values()),
            "associations": [[id, *held] for id, held in self.associations.items()],
            "accounts": list(self.accounts.values()),
            "deals": list(self.deals.values()),
            "notes": list(self.notes.values()),
            "exclusions": self.exclusions,
            "imports": self.imports,
            "activities": self.activities,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.clear()
        with self.contacts.loading():
            for values in state["contacts"]:
                self.contacts.add(load(values))
        self.contacts.last_id, self.next_field, self.next_option, self.next_relation, self.next_association = state["next"]
        self.emails = {self.email_key(row.email): row.id for row in self.contacts.rows.values() if row.email and row.deleted_at is None}
        self.fields = {values[0]: Field(*values) for values in state["fields"]}
        self.lists, self.tags = _by_id(state["lists"]), _by_id(state["tags"])
        self.accounts, self.deals = _by_id(state["accounts"]), _by_id(state["deals"])
        self.notes = _by_id(state.get("notes", ()))
        self.associations = {id: (contact_id, tag_id) for id, contact_id, tag_id in state["associations"]}
        self.exclusions, self.imports = dict(state["exclusions"]), dict(state["imports"])
        self.activities = [(at, contact_id, kind, id) for at, contact_id, kind, id in state["activities"]]


def _by_id(rows: Iterable[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {int(row["id"]): row for row in rows}


def _user(id: str, first: str, last: str, name: str) -> dict[str, Any]:
    return {
        "username": name,
        "firstName": first,
        "lastName": last,
        "email": f"{name}@firma.example",
        "phone": "",
        "signature": None,
        "lang": "english",
        "localZoneid": "Europe/Berlin",
        "cdate": "2024-11-13T09:16:26-06:00",
        "udate": "2026-01-05T08:45:56-06:00",
        "mfaEnabled": "0",
        "links": {},
        "id": id,
    }
