"""Four sandbox CRMs in process and a workspace in front of them, under one clock that tests move."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from requests.adapters import BaseAdapter

import sandbox
from commands.setup import _missing
from connectors import OBJECTS, Access, connect
from leads import routing, scoring_rules
from leads.consent.policy import profile
from leads.model import FIELDS, Winner
from mappings.apply import bind
from mappings.schema import Mapping as Mapping_
from mappings.schema import custom_fields, packaged, telling
from sandbox.inprocess import InProcess, ask
from sandbox.wire import Clock
from store.store import Store, open_store
from store.suppressed import SuppressionFiles
from sync import engine
from sync.decide import Rules
from sync.policy import FieldPolicy, Policy
from sync.workspace import Account, Endings, Guards, Scope, Workspace

SCORING = (files("leads") / "rules" / "scoring.toml").read_text("utf-8")
ROUTING = """
[defaults]
timezone = "Europe/Berlin"
on_no_match = "queue:triage"
existing_owner = "keep"
[[owner]]
id = "anna"
email = "anna@firma.example"
weight = 2
[[owner]]
id = "ben"
email = "ben@firma.example"
[[pool]]
id = "inbound"
owners = ["anna", "ben"]
method = "quota"
[[rule]]
id = "catch-all"
priority = 999
assign = "pool:inbound"
"""


class World:
    """The four CRMs with a person's hand in each, and the hub."""

    def __init__(self, folder: Path, rows: Iterable[Mapping[str, str]] = (), crms: Iterable[str] = sandbox.CRMS, **settings: Any) -> None:
        self.clock = Clock(at=1_790_000_000.0)
        self.apps = {crm: sandbox.app(crm, clock=self.clock, settings=settings.get(crm)) for crm in crms}
        rows = list(rows)
        for crm, app in self.apps.items():
            app.seed([row for row in rows if row.get("crm", crm) == crm])
        self.folder = folder
        self.store: Store = open_store(f"sqlite:///{folder / 'leadloom.db'}")
        self.suppression = SuppressionFiles(folder / "leadloom.key", folder / "leadloom.erased")
        self.guards = Guards(first_run="apply")
        self.scope = Scope(create=True)
        self.endings: dict[str, Endings] = {}
        self.purposes: dict[str, dict[str, str]] = {}  # what lists and subscription types are about
        self.purchased: dict[str, dict[str, list[str]]] = {"salesforce": {"LeadSource": ["Purchased List"]}}
        self.telling: set[str] = set()  # CRMs that are told what the ledger of consent says
        self.merging: set[str] = set()  # CRMs in which duplicates are merged
        self._looked: dict[str, int] = {}

    def workspace(self, **changes: Any) -> Workspace:
        accounts = {crm: self._account(crm) for crm in self.apps}
        policy = Policy(tuple(accounts), {**usual_fields(), **changes.pop("fields", {})})
        rules = Rules(scoring_rules.parse(SCORING), routing.parse(ROUTING))
        changes = {"telling": profile("de-strict") if self.telling else None, **changes}
        usual = {"guards": self.guards, "clock": self.clock.now, "suppression": self.suppression}
        return Workspace(self.store, accounts, policy, rules, **{**usual, **changes})

    def _account(self, crm: str) -> Account:
        return self.account(crm, InProcess(self.apps[crm]))

    def account(self, crm: str, adapter: BaseAdapter) -> Account:
        """The account of one CRM, reached through `adapter`."""
        app = self.apps[crm]
        host = "https://sandbox.example"
        secrets = {name: value for name, value in app.credentials().items() if name != "base_url"}
        if crm == "salesforce":
            secrets = {"session_id": secrets["token"]}
        access = Access(crm, crm, host, secrets, {"instance_url": host} if crm == "salesforce" else {})
        connector = connect(access, clock=self.clock.now, sleep=self.clock.advance, adapter=adapter, pacing=False)
        endings, meanings = self.endings.get(crm, Endings()), partial(self.meanings, crm)
        return Account(
            crm,
            crm,
            OBJECTS[crm],
            connector,
            partial(self.bind, crm),
            self.scope,
            endings,
            meanings,
            crm in self.merging,
            self.own_fields(crm),
        )

    def own_fields(self, crm: str) -> Any:
        return lambda object: custom_fields(self.mapping(crm, object))

    def meanings(self, crm: str, object: str) -> dict[str, str]:
        return {row.remote: row.lead for row in self.mapping(crm, object).rows if row.lead != ""}

    def bind(self, crm: str, object: str, schema: Any, owners: Any, identity: Any) -> Any:
        return bound(self.mapping(crm, object), schema, owners, identity, crm, self.purposes.get(crm, {}), self.purchased.get(crm, {}))

    def mapping(self, crm: str, object: str) -> Mapping_:
        return telling(shipped(crm, object)) if crm in self.telling else shipped(crm, object)

    def set_up(self) -> None:
        """The fields of ours that an account lacks are created in it."""
        for account in self.workspace().accounts.values():
            engine.set_up(account, _missing(account))

    def sync(self, **changes: Any) -> engine.Report:
        self.clock.advance(60)
        return engine.sync(self.workspace(**changes))

    def act(self, crm: str, do: str, object: str, id: str, **more: Any) -> Any:
        self.clock.advance(60)
        return self.apps[crm].act({"do": do, "object": object, "id": id, **more})

    def say_no(self, crm: str, object: str, id: str) -> None:
        """The person opts out of e-mail in this CRM."""
        if crm == "salesforce":
            self.act(crm, "edit", object, id, fields={"HasOptedOutOfEmail": True})
        else:
            self.act(crm, "edit", object, id, opt_out=True)

    def fault(self, crm: str, fault: str, method: str, times: int) -> None:
        self.apps[crm].faults.order({"match": {"method": method, "path": "*"}, "fault": fault, "times": times})

    def new_requests(self) -> dict[str, list[dict[str, Any]]]:
        """What each CRM was asked since the last look at its request log."""
        logs = {crm: app.requests() for crm, app in self.apps.items()}
        new = {crm: log[self._looked.get(crm, 0) :] for crm, log in logs.items()}
        self._looked = {crm: len(log) for crm, log in logs.items()}
        return new

    def shown(self) -> dict[str, Any]:
        """Everything all CRMs show, to be compared with later."""
        return {crm: json.loads(json.dumps(app.records())) for crm, app in self.apps.items()}

    def become_another(self, crm: str) -> None:
        """Another portal answers at the same address."""
        self.apps[crm].settings["portal_id"] = 99

    def lose_store(self, folder: Path) -> None:
        """The hub's memory is gone; the CRMs are as they were."""
        self.store.close()
        self.store = open_store(f"sqlite:///{folder / 'leadloom.db'}")

    def value(self, crm: str, object: str, id: str, name: str) -> Any:
        """What a record shows in a field, by the name a person of that CRM would use."""
        (record,) = [one for one in self.records(crm, object) if str(one.get("id", one.get("Id"))) == id]
        if crm == "hubspot":
            return record["properties"].get(name)
        if crm == "pipedrive" and name not in record:
            _, answer = ask(self.apps[crm], "GET", "/api/v2/personFields?limit=500", x_api_token=self.apps[crm].credentials()["token"])
            key = next(field["field_code"] for field in answer["data"] if field["field_name"] == name)
            return record["custom_fields"].get(key)
        if crm == "activecampaign" and name not in record:
            _, answer = ask(self.apps[crm], "GET", "/api/3/fields?limit=100", api_token=self.apps[crm].credentials()["token"])
            number = next(field["id"] for field in answer["fields"] if field["perstag"] == name)
            return next((value["value"] for value in record["fieldValues"] if value["field"] == number), None)
        return record.get(name)

    def denies(self, crm: str, record: Mapping[str, Any]) -> bool:
        """Whether a record shows, in its CRM's way, that the person may not be written to."""
        match crm:
            case "hubspot":
                return record["properties"]["hs_email_optout"] == "true"
            case "salesforce":
                return record["HasOptedOutOfEmail"] is True
            case "pipedrive":
                return record["marketing_status"] == "unsubscribed"
        lists = [one["status"] for one in record["contactLists"]]
        marked = self.value(crm, "contacts", record["id"], "LEADLOOM_EMAIL_OPT_OUT")
        return {"0", "1"}.isdisjoint(map(str, lists)) and (marked == "yes" or "2" in map(str, lists))

    def records(self, crm: str, object: str) -> list[dict[str, Any]]:
        return self.apps[crm].records()[object]


def usual_fields() -> dict[str, FieldPolicy]:
    """What every field does unless the settings say otherwise."""
    ways = {name: "out" if spec.winner is Winner.OURS else "both" for name, spec in FIELDS.items()}
    return {name: FieldPolicy(spec.winner, ways[name], blank=spec.blank) for name, spec in FIELDS.items()}


@cache
def shipped(crm: str, object: str) -> Mapping_:
    return packaged(crm, object)


def bound(
    mapping: Mapping_,
    schema: Any,
    owners: Any,
    identity: Any,
    name: str = "",
    purposes: Mapping[str, str] = MappingProxyType({}),
    purchased: Mapping[str, list[str]] = MappingProxyType({}),
) -> Any:
    return bind(
        mapping,
        schema,
        owners,
        region="DE",
        api_user_email=identity.user_email,
        routed_owners=("anna@firma.example", "ben@firma.example"),
        name=name,
        purposes=purposes,
        purchased=purchased,
    )


def totals(report: engine.Report) -> dict[str, dict[str, int]]:
    """What every account was planned, without zeros."""
    return {name: {key: n for key, n in part["out"].items() if n} for name, part in report.accounts.items()}
