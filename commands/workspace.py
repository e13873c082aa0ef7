"""From settings to a workspace: store, connectors, dialects and rules, wired for one command."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from commands.exits import Stop
from commands.reading import Mistake, SettingsWrong, read_settings, settings_path
from commands.settings import Account as AccountSettings
from commands.settings import CustomField, RuleFile, Settings
from commands.settings import Guards as GuardSettings
from leads.model import FIELDS, Winner, spec_of
from leads.rulefile import RuleFileError

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

    from connectors.base import Connector, Identity, Owner, Schema
    from leads import routing_rules
    from leads.consent.retention import Clocks
    from store.store import Store
    from store.suppressed import SuppressionFiles
    from sync.decide import Rules
    from sync.workspace import Account, Endings, Guards, Scope, Workspace


Parsed = TypeVar("Parsed")


def settings_of(config: Path | None) -> Settings:
    return read_settings(settings_path(config))


@contextmanager
def open_workspace(
    settings: Settings,
    *,
    yes: bool = False,
    allow: Mapping[str, int] = MappingProxyType({}),
    adapter: BaseAdapter | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda _line: None,
) -> Iterator[Workspace]:
    """Everything a run needs, closed afterwards. `clock`, `sleep` and `adapter` let a test move time and stay in process."""
    from sync.workspace import Workspace

    rules, texts = _rules(settings)
    guards = _guards(settings.guards, yes, allow)
    with ExitStack() as opened:
        store = opened.enter_context(closing(_store(settings)))
        accounts = {name: _account(name, settings, rules.routing, adapter, clock, sleep) for name in settings.accounts}
        for account in accounts.values():
            opened.callback(account.connector.close)
        fingerprint, erased = _fingerprint(settings, texts), suppression_of(settings)
        telling = _telling(settings)
        joins = settings.identity.certain == "join"
        yield Workspace(
            store,
            accounts,
            _policy(settings),
            rules,
            guards,
            fingerprint,
            clock,
            tell,
            suppression=erased,
            telling=telling,
            joins_certain=joins,
        )


def _guards(settings: GuardSettings, yes: bool, allow: Mapping[str, int]) -> Guards:
    """The limits of the settings; from how many records on a share counts is not theirs to say."""
    from sync.workspace import CAPS, EMPTIED, Guards

    caps = {
        kind: replace(cap, count=getattr(settings, kind), share=getattr(settings, f"{kind}_percent") / 100) for kind, cap in CAPS.items()
    }
    caps["restrictions"] = replace(caps["restrictions"], below=settings.restrictions)
    return Guards(settings.first_run, caps, replace(EMPTIED, share=settings.emptied_percent / 100), allow, yes)


@contextmanager
def open_memory(config: Path | None) -> Iterator[Store]:
    """The store alone, for commands that look at what is remembered and contact nobody."""
    settings = settings_of(config)
    file = settings.store_file
    if file is not None and not file.exists():
        raise Stop(f"There is nothing to show yet: no store at {file}. Run `leadloom sync` first.")
    with closing(_store(settings)) as store:
        yield store


NOT_THE_CONNECTORS = ("crm", "objects", "pacing", "base_url", "merge_duplicates", "purposes", "purchased", "consent_fields")


def connect(name: str, account: AccountSettings, **options: Any) -> Connector:
    """The connector of one account; nothing is sent yet."""
    import connectors

    given = {key: value for key, value in account if value is not None and key not in NOT_THE_CONNECTORS}
    secrets = {key: value for key, value in given.items() if isinstance(value, SecretStr)}
    others = {key: str(value) for key, value in given.items() if key not in secrets}
    base_url = getattr(account, "base_url", None) or others.pop("instance_url", None)
    access = connectors.Access(name, account.crm, base_url, secrets, others)
    return connectors.connect(access, pacing=account.pacing, **options)


def clocks_of(settings: Settings) -> Clocks:
    from leads.consent.retention import Clocks
    from leads.consent.times import duration

    return Clocks(**{name: duration(text) for name, text in settings.retention.model_dump().items()})


def suppression_of(settings: Settings) -> SuppressionFiles:
    from store.suppressed import SuppressionFiles

    return SuppressionFiles(settings.privacy.key_file, settings.privacy.list_file)


def _store(settings: Settings) -> Store:
    from store.store import open_store

    return open_store(settings.store.url)


def _account(
    name: str,
    settings: Settings,
    routing: routing_rules.Rules,
    adapter: BaseAdapter | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Account:
    from mappings.schema import custom_fields
    from sync.workspace import Account

    account = settings.accounts[name]
    routed = frozenset(email for owner in routing.owners.values() for email in owner.addresses)
    purposes: Mapping[str, str] = getattr(account, "purposes", {})
    mapping = partial(_mapping, account, settings.mappings.get(name, {}))
    bind = partial(_bound, name, purposes, account.purchased, settings.defaults.region, routed, mapping)
    connector = connect(name, account, adapter=adapter, clock=clock, sleep=sleep)
    merges = getattr(account, "merge_duplicates", False)
    return Account(
        name,
        account.crm,
        account.objects,
        connector,
        bind,
        _scope(settings, name),
        _endings(settings, name),
        lambda object: _meanings(mapping(object)),
        merges,
        lambda object: custom_fields(mapping(object)),
    )


def _telling(settings: Settings) -> Any:
    """The policy by which CRMs are told what the ledger says; None where no account asks for it."""
    from leads.consent.policy import profile

    return profile(settings.consent.profile) if any(account.consent_fields for account in settings.accounts.values()) else None


def _endings(settings: Settings, name: str) -> Endings:
    from sync.workspace import Endings

    return Endings(**settings.endings[name].model_dump()) if name in settings.endings else Endings()


def _bound(
    name: str,
    purposes: Mapping[str, str],
    purchased: Mapping[str, Sequence[str]],
    region: str | None,
    routed: frozenset[str],
    mapping: Callable[[str], Any],
    object: str,
    schema: Schema,
    owners: Sequence[Owner],
    identity: Identity,
) -> Any:
    from mappings.apply import bind

    return bind(
        mapping(object),
        schema,
        owners,
        region=region,
        api_user_email=identity.user_email,
        routed_owners=routed,
        name=name,
        purposes=purposes,
        purchased=purchased,
    )


def _meanings(mapping: Any) -> Mapping[str, str]:
    return {row.remote: row.lead for row in mapping.rows if row.lead != ""}


def meanings_of(config: Path | None) -> dict[tuple[str, str], Mapping[str, str]]:
    """What the fields of every object of every account mean, tables that were imported included."""
    from mappings.schema import packaged
    from sync.contest import IMPORT
    from sync.intake import IMPORT_OBJECT

    settings = settings_of(config)
    found: dict[tuple[str, str], Mapping[str, str]] = {
        (name, object): _meanings(_mapping(account, settings.mappings.get(name, {}), object))
        for name, account in settings.accounts.items()
        for object in account.objects
    }
    return {**found, (IMPORT, IMPORT_OBJECT): _meanings(packaged(IMPORT, IMPORT_OBJECT))}


def _mapping(account: AccountSettings, own: Mapping[str, Mapping[str, CustomField]], object: str) -> Any:
    from mappings.custom import CustomRow, extended
    from mappings.schema import packaged, telling

    wanted = {f"custom.{name}": CustomRow(row.field, row.type, row.direction) for name, row in own.get(object, {}).items()}
    shipped = packaged(account.crm, object)
    return extended(telling(shipped) if account.consent_fields else shipped, wanted)


def _scope(settings: Settings, name: str) -> Scope:
    from leads.predicates import ALWAYS, holds, parse
    from sync.workspace import Scope

    scope = settings.scope_of(name)
    condition = ALWAYS if scope.when is None else parse(scope.when)
    text = json.dumps(scope.model_dump(mode="json"), sort_keys=True)
    return Scope(scope.create, partial(holds, condition), hashlib.sha256(text.encode()).hexdigest())


def _policy(settings: Settings) -> Any:
    from sync.policy import FieldPolicy, Policy

    fields = {}
    for name in (*FIELDS, *settings.custom_fields()):
        spec = spec_of(name)
        rule = settings.fields.rules.get(name)
        winner = spec.winner.value if rule is None or rule.winner is None else rule.winner
        usual = "out" if spec.winner is Winner.OURS else "both"
        direction = usual if rule is None or rule.direction is None else rule.direction
        blank = spec.blank.value if rule is None or rule.blank is None else rule.blank
        fields[name] = FieldPolicy(winner, direction, "" if rule is None else rule.owner or "", blank)
    return Policy(settings.precedence, fields, settings.fields.flips)


def rules_of(settings: Settings) -> Rules:
    return _rules(settings)[0]


def _rules(settings: Settings) -> tuple[Rules, Mapping[str, str]]:
    """The rule files, yours or those that ship; everything that is wrong with both of them is told at once."""
    from leads import routing_rules, scoring_rules
    from sync.decide import Rules

    texts = {"scoring": _text(settings.scoring, "scoring"), "routing": _text(settings.routing, "routing")}
    mistakes: list[Mistake] = []
    scoring = _parsed(scoring_rules.parse, texts["scoring"], settings.scoring, mistakes)
    routing = _parsed(routing_rules.parse, texts["routing"], settings.routing, mistakes)
    if scoring is None or routing is None:
        raise SettingsWrong(mistakes)
    return Rules(scoring, routing), texts


def _text(rules: RuleFile, name: str) -> str:
    return (rules.file or files("leads").joinpath("rules", f"{name}.toml")).read_text(encoding="utf-8")


def _parsed(parse: Callable[[str], Parsed], text: str, rules: RuleFile, mistakes: list[Mistake]) -> Parsed | None:
    try:
        return parse(text)
    except RuleFileError as error:
        mistakes += [Mistake(str(rules.file), problem.key, str(problem).removeprefix(f"{problem.key}: ")) for problem in error.problems]
        return None


def _fingerprint(settings: Settings, texts: Mapping[str, str]) -> str:
    """Changes with whatever plans depend on. Secrets dump as stars, so a new token does not make a plan stale."""
    tables = settings.model_dump(
        mode="json", include={"defaults", "accounts", "scope", "endings", "identity", "consent", "fields", "mappings"}
    )
    return hashlib.sha256(json.dumps([tables, dict(texts)], sort_keys=True).encode()).hexdigest()
