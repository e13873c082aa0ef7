"""A rig per connector: the connector itself over real HTTP, what it declares, and the world behind it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sandbox
from connectors import Access, connect
from connectors.base import Capabilities, Connector, Field, Json, Op, Page, Receipt, Record, Schema, Write
from sandbox.inprocess import InProcess
from sandbox.messages import Clock
from tests.contract.dialects import DIALECTS, KINDS, Dialect
from tests.contract.world import HOUR, World

NOW = 1_790_000_000.0
NOWHERE = "https://sandbox.example"
RIGS = tuple(DIALECTS)

Wrap = Callable[["Rig", Connector], Connector]


@dataclass(frozen=True, slots=True)
class Need:
    """What a CRM must declare for a statement to be about it."""

    what: str
    holds: Callable[[Dialect, Capabilities], bool]

    def met(self, dialect: Dialect) -> bool:
        return self.holds(dialect, dialect.capabilities)


def needs(need: Need) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Skip a test for CRMs that do not declare what it is about."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        test.__dict__["need"] = need
        return test

    return mark


class Rig:
    """Everything that one test of the contract needs."""

    def __init__(self, dialect: Dialect, world: World, place: str | None, wrap: Wrap | None, *, pacing: bool) -> None:
        self.dialect = dialect
        self.world = world
        self.object = dialect.object
        self.capabilities = dialect.capabilities
        self.account = dialect.crm
        self._place = place
        self._wrap = wrap
        self._pacing = pacing
        self._opened: list[Connector] = []
        self.connector = self.open()
        self.schema: Schema = self.connector.describe(self.object)

    def open(self, *secrets: str, **instead: str) -> Connector:
        """Another connector to the same account; `secrets` name its credentials."""
        given = {**self.world.app.credentials(), **_more_secrets(self.dialect.crm)}
        chosen = {name: given[name] for name in secrets or self.dialect.secrets} | instead
        if self.dialect.crm == "salesforce" and "token" in chosen:
            chosen["session_id"] = chosen.pop("token")
        access = Access(self.account, self.dialect.crm, self._place or NOWHERE, chosen)
        adapter = InProcess(self.world.app) if self._place is None else None
        clock = self.world.clock
        made = connect(access, clock=clock.now, sleep=clock.advance, adapter=adapter, pacing=self._pacing)
        self._opened.append(made)
        return made if self._wrap is None else self._wrap(self, made)

    def close(self) -> None:
        for connector in self._opened:
            connector.close()

    # Names and values, as the connector has them

    def name(self, logical: str) -> str:
        """The connector's name of a field, through its own description."""
        return field_called(self.schema, self.dialect.names.get(logical, logical)).name

    def said(self, **logical: Any) -> dict[str, Json]:
        return {self.name(name): self.value(name, value) for name, value in logical.items()}

    def value(self, logical: str, value: Any) -> Json:
        told = self.dialect.in_human_terms(logical, value)
        if KINDS.get(logical) not in ("choice", "flag") or told is None:
            return told
        options = self.schema.fields[self.name(logical)].options
        return next((option.value for option in options if told in (option.value, option.label)), told)

    def names(self, *logical: str) -> list[str]:
        return [self.name(one) for one in logical]

    def truth(self, id: str, name: str) -> Json:
        """What the CRM holds in a field, in the form in which a connector shows it."""
        value = self.world.raw(id, name)
        if value is not None and self.schema.fields[name].type == "option":
            return str(value)
        return None if value == "" else value

    def truths(self, logical: str) -> dict[str, Json]:
        """What the CRM holds in a field of every record."""
        name = self.name(logical)
        shown = {id: self.dialect.shown(row, name) for id, row in self.world.records().items()}
        return {id: None if value == "" else value for id, value in shown.items()}

    # Short ways

    def person(self, number: int, **more: Any) -> dict[str, Json]:
        """The fields of somebody new."""
        who = {"given": f"Ada{number}", "family": f"Byron{number}", "email": f"ada{number}@firma.example"}
        return {**self.dialect.beside, **self.said(**{**who, **more})}

    def create(self, number: int, key: str | None = None, **more: Any) -> Write:
        return Write(Op.CREATE, self.object, self.person(number, **more), key=f"key-{number}" if key is None else key)

    def update(self, id: str, **said: Any) -> Write:
        return Write(Op.UPDATE, self.object, self.said(**said), id=id)

    def delete(self, id: str) -> Write:
        return Write(Op.DELETE, self.object, id=id)

    def erase(self, id: str) -> Write:
        return Write(Op.ERASE, self.object, id=id)

    def merge(self, loser: str, into: str) -> Write:
        return Write(Op.MERGE, self.object, id=into, loser=loser)

    def write(self, *writes: Write) -> list[Receipt]:
        return self.connector.write(self.object, writes)

    def write_one(self, write: Write) -> Receipt:
        (receipt,) = self.write(write)
        return receipt

    def get(self, *ids: str, fields: Sequence[str] | None = None) -> list[Record]:
        return self.connector.get(self.object, ids, self.names("grade", "score") if fields is None else fields)

    def get_one(self, id: str, fields: Sequence[str] | None = None) -> Record:
        (record,) = self.get(id, fields=fields)
        return record

    def find(self, logical: str, *values: str, fields: Sequence[str] | None = None) -> list[Record]:
        wanted = self.names("grade", "email") if fields is None else fields
        return self.connector.find(self.object, self.name(logical), values, wanted)

    def find_key(self, *keys: str) -> list[Record]:
        return self.connector.find(self.object, self.name(str(self.capabilities.key_field)), keys, self.names("grade"))

    def settle(self, write: Write) -> list[Record]:
        """The record of a create that was not answered, as the connector declares that it is looked up."""
        if self.capabilities.settle_by == "email":
            return self.find("email", *self.addresses(write))
        return self.find_key(str(write.key))

    def addresses(self, write: Write) -> list[str]:
        value: Any = write.fields[self.name("email")]
        return [value] if isinstance(value, str) else [str(one["value"]) for one in value]

    def pages(self, cursor: str | None = None, *logical: str, connector: Connector | None = None) -> Iterator[Page]:
        return (connector or self.connector).changes(self.object, cursor, self.names(*(logical or ("grade",))))

    def walk(self, cursor: str | None = None, *logical: str) -> tuple[list[Record], str]:
        """Everything that changed since `cursor`, and the cursor to keep."""
        pages = list(self.pages(cursor, *logical))
        return [record for page in pages for record in page.records], pages[-1].cursor

    def quiet_cursor(self) -> str:
        """The cursor of an account in which nothing has happened for an hour."""
        self.world.advance_clock(HOUR)
        _, cursor = self.walk()
        self.world.advance_clock(HOUR)
        return cursor

    def sweep(self, *known: str) -> dict[str, Record]:
        assert self.dialect.sweep is not None
        return {record.id: record for record in self.dialect.sweep(self.connector, self.object, known)}


def field_called(schema: Schema, name: str) -> Field:
    """A field by its name, in whatever case, or by what a person of that CRM calls it."""
    spelled = "_".join(part.capitalize() for part in name.split("_")) + "__c"
    for known in (name, name.upper(), spelled):
        if known in schema.fields:
            return schema.fields[known]
    return next(field for field in schema.fields.values() if field.label == name)


@contextmanager
def rigged(
    crm: str,
    *,
    wire: str = "http",
    wrap: Wrap | None = None,
    limits: str = "none",
    pacing: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Rig]:
    """One rig in a CRM of its own, in a time that only the test moves; `wire="none"` leaves the sockets out."""
    dialect, clock = DIALECTS[crm], Clock(NOW)
    if wire == "none":
        app = sandbox.app(dialect.crm, clock=clock, limits=limits, settings=settings)
        with _closing(Rig(dialect, World(app, dialect, clock), None, wrap, pacing=pacing)) as rig:
            yield rig
        return
    with sandbox.start(only=[dialect.crm], clock=clock, limits=limits, settings={dialect.crm: settings or {}}) as running:
        world = World(running.apps[dialect.crm], dialect, clock)
        with _closing(Rig(dialect, world, running.ready[dialect.crm]["base_url"], wrap, pacing=pacing)) as rig:
            yield rig


@contextmanager
def heard() -> Iterator[list[str]]:
    """Every line that is logged meanwhile, by anybody, at any level."""
    lines: list[str] = []
    ear = logging.Handler()
    ear.emit = lambda record: lines.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(ear)
        root.setLevel(level)


@contextmanager
def _closing(rig: Rig) -> Iterator[Rig]:
    try:
        yield rig
    finally:
        rig.close()


def _more_secrets(crm: str) -> dict[str, str]:
    """Credentials that the sandbox takes and does not announce."""
    return {
        "hubspot": {"client_id": "sandbox", "client_secret": "sandbox-hubspot-secret", "refresh_token": "sandbox-hubspot-refresh"},
    }.get(crm, {})
