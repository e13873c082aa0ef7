"""A local Salesforce org: leads, contacts and accounts over REST, with the quirks of the real one.

Where the vendor's behaviour is not confirmed, a switch chooses between the possible ones.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from sandbox import (
    salesforce_account,
    salesforce_bulk,
    salesforce_collections,
    salesforce_query,
    salesforce_records,
    salesforce_soap,
)
from sandbox.limits import Window
from sandbox.salesforce_account import CLIENT_ID, CLIENT_SECRET, FIRST_LIVING, NEWEST, REFRESH_TOKEN
from sandbox.salesforce_answers import Fault, error, refuse
from sandbox.salesforce_deeds import act
from sandbox.salesforce_fields import HIDDEN_OBJECTS, HISTORY_OBJECTS, OBJECTS, PRIVACY_OBJECTS, Field, from_metadata
from sandbox.salesforce_history import define_fields, tracked
from sandbox.salesforce_objects import Row, Table, kept, record
from sandbox.salesforce_query import Result
from sandbox.salesforce_seed import plant
from sandbox.salesforce_values import long_id, make_id
from sandbox.wire import HTML_PAGE, App, Counts, Refused, Reply, Request

DAY_S = 86400
SESSION_S = 7200
USERS = (
    ("anna@firma.example", "Anna", "Berg", True),
    ("ben@firma.example", "Ben", "Ito", True),
    ("clara@firma.example", "Clara", "Novak", True),
    ("ivo@firma.example", "Ivo", "Marek", False),
    ("hub@firma.example", "Hub", "User", True),
)
VERSIONED = re.compile(r"/services/data/v(\d+\.\d+)(?=/|$)")


class Salesforce(App):
    name = "salesforce"
    token = "sandbox-salesforce-session"  # noqa: S105 (the fixed session of a local imitation)
    parts = (salesforce_account, salesforce_bulk, salesforce_collections, salesforce_query, salesforce_records, salesforce_soap)
    switches: ClassVar[dict[str, Any]] = {
        "org_id": "00D5g0000000001",
        "assignment_rule": None,  # or the e-mail address of a user, or the name of a queue
        "duplicate_rule": "off",  # or alert, block
        "duplicate_result_key": "duplicateResut",  # the vendor's misspelling; newer versions may say duplicateResult
        "edit_converted_leads": False,
        "field_level_security": True,  # a field made through the Tooling API is hidden until a permission is given
        "hidden_fields": [],  # "Lead.HasOptedOutOfEmail"
        "unfilterable": [],  # "Contact.SystemModstamp"
        "open_transaction_s": 0,
        "tracked_fields": [],  # whose history is kept: "Lead.Title", "Contact.Title"
        "updated_limit": 600000,
        "repeated_keys": "refused",  # or accepted
        "refresh_rotation": False,
        "privacy_objects": False,
        "password_expired": False,
        "url_limit": 16384,
        "unsupported_version_status": 400,  # or 410
        "daily_limit": 15000,
        "others_spent": 0,
    }

    def clear(self) -> None:
        self.version = "59.0"
        self._journal: list[tuple[Table, str, Row | None]] | None = None
        self.user_id = make_id("005", len(USERS))
        self.tables = {name: Table(self, name) for name in OBJECTS}
        self.locators: dict[str, Result] = {}
        self.jobs: dict[str, salesforce_bulk.Job] = {}
        self.queries = 0
        self.sessions: dict[str, float] = {}
        self.rotations = 0
        self.hidden_rows: dict[str, Row] = {}
        self.metadata: dict[str, dict[str, Any]] = {}
        self._secured: set[str] = set()  # custom fields that need a permission to be seen
        self._calls = 0
        self._shown: tuple[float, int] = (0.0, 0)
        self._day = Window(self.settings["daily_limit"], DAY_S)
        self._furnish()

    def _furnish(self) -> None:
        """The users, the queue, the org, and the permissions an administrator has."""
        for email, first, last, active in USERS:
            self.tables["User"].create({
                "Username": email, "Email": email, "FirstName": first, "LastName": last, "Name": f"{first} {last}", "IsActive": active,
                "UserType": "Standard", "ProfileId": "00e5g0000000001AAA",
            })  # fmt: skip
        self.anna_id = make_id("005", 1)
        self.tables["Group"].create({"Name": "Inbound", "DeveloperName": "Inbound", "Type": "Queue"})
        permissions = self.tables["PermissionSet"].create({
            "Name": "X00ex00000018ozT", "Label": "System Administrator", "IsOwnedByProfile": True, "ProfileId": "00e5g0000000001AAA",
        })  # fmt: skip
        self.tables["PermissionSetAssignment"].create({"PermissionSetId": permissions.id, "AssigneeId": self.user_id})
        for table in (self.tables["Lead"], self.tables["Contact"]):
            for name, field in table.fields.items():
                if field.custom:
                    self.register_field(table, name, secured=False)

    # -- objects -----------------------------------------------------------------------------------------------------------------------

    def now_s(self) -> int:
        return int(self.clock.now())

    def today(self) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(self.clock.now()))

    @property
    def org_id(self) -> str:
        return long_id(self.settings["org_id"])

    def table(self, name: str, *, tooling: bool = False) -> Table | None:
        found = next((table for known, table in self.tables.items() if known.lower() == name.lower()), None)
        if found is None or (found.name in HIDDEN_OBJECTS and not tooling):
            return None
        if found.name in PRIVACY_OBJECTS and not self.settings["privacy_objects"]:
            return None
        if found.name in HISTORY_OBJECTS and not tracked(self, found.name.removesuffix("History")):
            return None
        if found.name == "FieldDefinition":
            define_fields(self)
        if found.name == "Organization" and self.org_id not in found.rows:
            self._name_org(found)
        return found

    def _name_org(self, table: Table) -> None:
        table.rows.clear()
        table.live.order.clear()
        row = Row(self.org_id, self.now_s(), self.user_id)
        row.values = {"Name": "Firma (sandbox)", "IsSandbox": True, "InstanceName": "SBX1"}
        table.rows[row.id] = row
        table.live.add(row.id)

    def require_table(self, name: str, *, tooling: bool = False) -> Table:
        table = self.table(name, tooling=tooling)
        if table is None:
            raise refuse(404, "NOT_FOUND", "The requested resource does not exist")
        return table

    def table_of(self, id: str) -> Table | None:
        return next((table for table in self.tables.values() if table.prefix == id[:3]), None)

    def owner_id(self, name: str) -> str:
        """The id of a user by e-mail, of a queue by name, or the id itself."""
        for table, field in (("User", "Email"), ("Group", "Name")):
            for row in self.tables[table].rows.values():
                if row.values.get(field) == name:
                    return row.id
        return name

    # -- field-level security ------------------------------------------------------------------------------------------------------------

    @property
    def hides(self) -> bool:
        return bool(self.settings["hidden_fields"]) or bool(self._secured)

    def is_hidden(self, object: str, field: Field) -> bool:
        name = f"{object}.{field.name}"
        if name in self.settings["hidden_fields"]:
            return True
        return name in self._secured and bool(self.settings["field_level_security"]) and not self._permitted(name)

    def _permitted(self, name: str) -> bool:
        mine = {
            row.values["PermissionSetId"]
            for row in self.tables["PermissionSetAssignment"].rows.values()
            if row.deleted_at is None and row.values["AssigneeId"] == self.user_id
        }
        return any(
            row.deleted_at is None and row.values["Field"] == name and row.values.get("PermissionsRead") and row.values["ParentId"] in mine
            for row in self.tables["FieldPermissions"].rows.values()
        )

    def register_field(self, table: Table, name: str, *, secured: bool = True) -> Row:
        full = f"{table.name}.{name}"
        if secured:
            self._secured.add(full)
        values = {"DeveloperName": name.removesuffix("__c"), "TableEnumOrId": table.name, "FullName": full}
        return self.tables["CustomField"].create(values)

    def write_metadata(self, table: Table, name: str, metadata: dict[str, Any]) -> None:
        self.metadata[f"{table.name}.{name}"] = metadata

    def check_special(self, table: Table, values: Mapping[str, Any]) -> None:
        """What a permission must point to."""
        if table.name != "FieldPermissions":
            return
        object, _, name = str(values.get("Field")).partition(".")
        target = self.tables.get(object)
        if target is None or name not in target.fields or values.get("SobjectType") != object:
            raise Fault("FIELD_INTEGRITY_EXCEPTION", f"{values.get('Field')} is not a field of {values.get('SobjectType')}", ["Field"])

    # -- requests ----------------------------------------------------------------------------------------------------------------------

    def credentials(self) -> dict[str, str]:
        return {"token": self.token, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    @property
    def refresh_token(self) -> str:
        return REFRESH_TOKEN if self.rotations == 0 else f"{REFRESH_TOKEN}-{self.rotations}"

    def open_session(self, how: str) -> str:
        token = f"{self.org_id[:15]}!sandbox-{how}-{len(self.sessions) + 1}-{self.rotations}"
        self.sessions[token] = self.clock.now() + SESSION_S
        return token

    def body(self, request: Request) -> dict[str, Any]:
        try:
            body = request.json()
        except ValueError:
            raise refuse(400, "JSON_PARSER_ERROR", "Unexpected character in the JSON input") from None
        if not isinstance(body, dict):
            raise refuse(400, "JSON_PARSER_ERROR", "The HTTP entity body is required to be an object")
        return body

    def authorize(self, request: Request, /) -> Reply | None:
        size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers.items())
        if size > int(self.settings["url_limit"]):
            return Reply(431 if len(request.target) < 8192 else 414, HTML_PAGE.format(status=414, phrase="URI Too Long"))
        if request.path.rstrip("/") in ("/services/data", "/services/oauth2/token") or request.path.startswith("/services/Soap/"):
            return None
        version = re.match(r"/services/data/v(\d+)\.\d", request.path)
        if version is not None and not FIRST_LIVING <= int(version[1]) <= NEWEST:
            return error(
                int(self.settings["unsupported_version_status"]), "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"
            )
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "oauth") or not self.knows(token):
            return error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if self.settings["password_expired"]:
            code = "INVALID_OPERATION_WITH_EXPIRED_PASSWORD"
            return error(403, code, MESSAGES[code])
        return None

    def rewrite(self, path: str) -> str:
        """The version of a path is kept aside: every handler serves all versions."""
        found = VERSIONED.match(path)
        if found is None:
            return path
        self.version = found[1]
        return "/vXX" + path[found.end() :]

    @property
    def base(self) -> str:
        return f"/services/data/v{self.version}"

    def knows(self, token: str) -> bool:
        return token == self.token or self.sessions.get(token, 0) > self.clock.now()

    def inner(self, request: Request) -> Reply:
        """Serve a part of a composite request: authorized, and one call on the meter, already."""
        found = self._table.find(request.method, self.rewrite(request.path))
        if found is None:
            return self.not_found(request)
        try:
            return found[0](self, request, **found[1])
        except Refused as refused:
            return refused.reply

    def not_found(self, _request: Request, /) -> Reply:
        return error(404, "NOT_FOUND", "The requested resource does not exist")

    # -- limits ------------------------------------------------------------------------------------------------------------------------

    def daily_limit(self) -> int:
        return int(self.settings["daily_limit"]) if self.limits == "vendor" else 5_000_000

    def used(self) -> int:
        if self.limits != "vendor":
            return self._calls
        return int(self._day.used(self.clock.now())) + int(self.settings["others_spent"])

    def limits_shown(self) -> int:
        """The limits resource is up to five minutes stale."""
        now = self.clock.now()
        if now - self._shown[0] >= 300:
            self._shown = (now, self.used())
        return self._shown[1]

    def meter(self, request: Request, /) -> Reply | None:
        if not request.path.startswith("/services/data/v"):
            return None
        self._calls += 1
        if self.limits != "vendor":
            return None
        self._day.limit = self.daily_limit() - int(self.settings["others_spent"])
        if not self._day.take(self.clock.now()):
            return error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        return None

    def dress(self, request: Request, reply: Reply, /) -> None:
        if reply.status != 204 and request.path.startswith("/services/data/v"):
            reply.headers["Sforce-Limit-Info"] = f"api-usage={self.used()}/{self.daily_limit()}"

    def misshapen(self, _request: Request, /) -> Reply | None:
        return error(400, "JSON_PARSER_ERROR", "Cannot deserialize the request: a value has another type than expected")

    def trouble(self, status: int, _request: Request, /) -> Reply:
        options = self.fault.options if self.fault is not None else {}
        code, message = TROUBLES.get(status, ("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId"))
        code = str(options.get("code", code))
        entry = {"message": str(options.get("message", MESSAGES.get(code, message))), "errorCode": code}
        return Reply(status, entry if options.get("body") == "dict" else [entry])

    def struck_row(self) -> Fault:
        """What the fault `partial` says about a row."""
        code = str(self.fault.options.get("code", "UNABLE_TO_LOCK_ROW")) if self.fault is not None else "UNABLE_TO_LOCK_ROW"
        return Fault(code, MESSAGES.get(code, "unable to obtain exclusive access to this record"))

    def tick(self, _now: float, /) -> None:
        now = self.now_s()
        for table in self.tables.values():
            table.expire(now)

    # -- transactions ------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Callable[[], None]]:
        """Within it every change can be taken back by calling what it yields."""
        outer = self._journal
        mine: list[tuple[Table, str, Row | None]] = []
        self._journal = mine

        def undo() -> None:
            while mine:
                table, id, before = mine.pop()
                table.put_back(id, before)

        try:
            yield undo
        finally:
            self._journal = outer
            if outer is not None:
                outer.extend(mine)

    def remember(self, table: Table, id: str, before: Row | None) -> None:
        if self._journal is not None:
            self._journal.append((table, id, None if before is None else kept(before)))

    # -- state -------------------------------------------------------------------------------------------------------------------------

    def seed(self, rows: Iterable[Mapping[str, str]]) -> Counts:
        return plant(self, rows)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        shown = {}
        for name in ("Lead", "Contact", "Account", *(PRIVACY_OBJECTS if self.settings["privacy_objects"] else ())):
            table = self.tables[name]
            shown[name] = [record(table, table.rows[id], table.fields, "/services/data/v59.0") for id in table.live]
        return shown

    def act(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return act(self, body)

    def snapshot(self) -> dict[str, Any]:
        return {
            "tables": {name: table.snapshot() for name, table in self.tables.items()},
            "fields": {full: self.metadata.get(full) for full in self._custom_fields()},
            "secured": sorted(self._secured),
            "sessions": self.sessions,
            "rotations": self.rotations,
            "settings": self.settings,
        }

    def _custom_fields(self) -> list[str]:
        return [row.values["FullName"] for row in self.tables["CustomField"].rows.values()]

    def restore(self, state: Mapping[str, Any]) -> None:
        self.clear()
        self.settings.update(state["settings"])
        for table in self.tables.values():
            table.rows.clear()
            table.live.order.clear()
            table.index.clear()
        for full, metadata in state["fields"].items():
            object, _, name = full.partition(".")
            if metadata is not None:
                self.tables[object].fields[name] = from_metadata(name, metadata)
                self.metadata[full] = metadata
        for name in ("Lead", "Contact"):
            known = {full.partition(".")[2] for full in state["fields"] if full.startswith(f"{name}.")}
            fields = self.tables[name].fields
            self.tables[name].fields = {key: field for key, field in fields.items() if not field.custom or key in known}
        self._secured = set(state["secured"])
        self.sessions, self.rotations = dict(state["sessions"]), state["rotations"]
        for name, saved in state["tables"].items():
            self.tables[name].restore_all(saved)


TROUBLES = {
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    423: ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
    429: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    503: ("SERVER_UNAVAILABLE", "Server unavailable"),
}
MESSAGES = {
    "UNABLE_TO_LOCK_ROW": "unable to obtain exclusive access to this record",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "LeadTrigger: execution of BeforeUpdate caused by: System.NullPointerException",
    "DELETE_FAILED": "Your attempt to delete this record could not be completed because it is associated with other records",
    "QUERY_TIMEOUT": "Your query request was running for too long.",
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": "The users password has expired",
}
