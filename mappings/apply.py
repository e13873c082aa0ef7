"""A mapping bound to one account: which of its fields stand for what, and how each value is read and written there.

`bind` either gives a `Dialect` that can be relied on or raises `MappingProblems` with everything that stands in the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from leads.model import ABSENT, CUSTOM, Value
from mappings.consents import MARKETING, Standing
from mappings.described import FieldLike, OwnerLike, SchemaLike
from mappings.fitting import Account, converter, names_of
from mappings.purchased import Purchased, purchased_rows
from mappings.schema import KEY, MappingProblems, RowSpec
from mappings.schema import Mapping as Dictionary
from mappings.sets import SetRow
from mappings.values import UNCLEAR, Converter, Flag, Held, Json, View, is_nothing


@dataclass(frozen=True, slots=True)
class Row:
    """One field of this account that stands for one canonical field.

    `id` never changes; `remote` is what this account calls the field. `filler` is written where the CRM insists on a value; without
    something in the field `needs` the CRM cannot show this one. `hears` says of which acts its values tell; with
    `unlisted_is_no` nobody can be reached by it where it shows nothing; with `shown_only` a record that shows nothing in it lacks it.
    """

    id: str
    remote: str
    lead: str
    direction: str
    convert: Converter
    filler: str | None = None
    clear: bool = True
    create_only: bool = False
    needs: str = ""
    hears: Mapping[str, str] = field(default_factory=dict)
    unlisted_is_no: bool = False
    shown_only: bool = False
    forgets: bool = False  # a no in it asks for the person to be erased
    derived: bool = False  # it follows from the narrower ones of the record

    @property
    def written(self) -> bool:
        return self.direction != "in"

    def reaches_nobody(self, theirs: Json) -> bool:
        """Whether what is shown lets nobody be reached by this field, so that there is nothing to deny."""
        unread = isinstance(self.convert, Standing) and self.convert.read(theirs, ABSENT) is UNCLEAR
        return unread or (theirs is None and self.unlisted_is_no)

    def parse(self, theirs: Json, meant: Value = ABSENT) -> Value:
        """What the shown value means: `meant` if it still fits, ABSENT if nothing is shown.

        A value that nobody can read here (an unknown option, words in a number) changes nothing: it means what was meant.
        """
        found = self.convert.read(theirs, meant)
        return meant if found is UNCLEAR else found

    def fits(self, theirs: Json, value: Value) -> bool:
        """Whether what is shown could be this CRM's way of showing `value`."""
        return self.convert.fits(theirs, value)

    def format(self, value: Value, seen: Json) -> Json | Held:
        """What to write so that the field shows `value`: `seen` itself if it does, None to clear, `Held` if it cannot be shown."""
        if self.filler is not None and seen is None and is_nothing(value):
            return self.filler
        if self.fits(seen, value):
            return seen
        if isinstance(self.convert, View) and not self.convert.speaks_of(value):
            return seen
        if self.convert.guarded and self.convert.read(seen, ABSENT) is UNCLEAR:
            return Held("not_understood", "What stands in the field is not understood, and it is not overwritten.")
        emptied = is_nothing(value) and not isinstance(self.convert, Flag)
        return self._cleared() if emptied else self.convert.write(value)

    def _cleared(self) -> Json | Held:
        return self.filler if self.clear else Held("cannot_be_empty", "This CRM does not let the field be empty.")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one account shows leads in one object.

    `rows` are the fields with one value each, `sets` those of e-mails and phones by canonical name, `key_name` is this account's name of
    `leadloom_key`, `fetch` every remote name to ask for. `dropped` are optional rows that this account lacks, `unheard` what of consent
    it does not keep, `purchased` the fields that tell of a bought record. `fingerprints` holds, per row id, a hash of the row and of the
    field it is bound to.
    """

    crm: str
    object: str
    rows: tuple[Row, ...]
    sets: Mapping[str, tuple[SetRow, ...]]
    key_name: str
    fetch: tuple[str, ...]
    fingerprints: Mapping[str, str]
    dropped: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()
    fillings: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    purchased: tuple[Purchased, ...] = ()

    def row(self, id: str) -> Row | SetRow:
        rows: tuple[Row | SetRow, ...] = (*self.rows, *self.sets["emails"], *self.sets["phones"])
        for row in rows:
            if row.id == id:
                return row
        raise KeyError(id)

    def rows_of(self, lead: str) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.lead == lead)

    def is_purchased(self, fields: Mapping[str, Json]) -> bool | None:
        """Whether a record says that it is from a bought list; None: it was read without what would tell."""
        if any(one.shown(fields[one.remote]) for one in self.purchased if one.remote in fields):
            return True
        return None if any(one.remote not in fields for one in self.purchased) else False

    def fill(self, fields: Mapping[str, Json]) -> dict[str, Json]:
        """The fields of a create, with a filler wherever the CRM insists on a value and none is given."""
        filled = dict(fields)
        for remote, filler, others in self.fillings:
            if all(filled.get(name) is None for name in (remote, *others)):
                filled[remote] = filler
        return filled


def bind(
    mapping: Dictionary,
    schema: SchemaLike,
    owners: Sequence[OwnerLike],
    *,
    region: str | None = None,
    api_user_email: str | None = None,
    routed_owners: Collection[str] = (),
    name: str = "",
    purposes: Mapping[str, str] = MappingProxyType({}),
    purchased: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Dialect:
    """Join a mapping with the fields and users of an account, or raise `MappingProblems` with everything that is missing.

    `region` reads phone numbers without a country. The user we act as counts as nobody's owner unless leads are routed to it.
    `purposes` say what lists and subscription types are about; else each has a purpose of its own, named after the account's `name`.
    `purchased` are the values, by field, of records from bought lists.
    """
    account = Account(mapping.crm, owners, _ourselves(api_user_email, routed_owners))
    found = {spec.remote: _find(spec, schema) for spec in mapping.rows}
    where = f"{mapping.crm} {mapping.object}"
    problems = [f"{where}: {problem}" for spec in mapping.rows for problem in _problems(spec, found[spec.remote])]
    if problems:
        raise MappingProblems(problems)
    bound = [(spec, fields[0]) for spec in mapping.rows if len(fields := found[spec.remote]) == 1]
    single = [(spec, field) for spec, field in bound if spec.role != KEY and not _is_set(spec)]
    names = {spec.remote: field.name for spec, field in bound}
    noes = tuple(_consent_rows(mapping, schema, name or mapping.crm, purposes))
    bought = purchased_rows(schema, purchased)
    telling = tuple(one for one in bought.values() if one is not None)
    return Dialect(
        crm=mapping.crm,
        object=mapping.object,
        rows=(*(_row(spec, field, account) for spec, field in single), *noes),
        sets={lead: tuple(_set_row(spec, field, region) for spec, field in bound if spec.lead == lead) for lead in ("emails", "phones")},
        key_name=next(field.name for spec, field in bound if spec.role == KEY),
        fetch=tuple(dict.fromkeys([*(field.name for _, field in bound), *(row.remote for row in noes), *(one.remote for one in telling)])),
        fingerprints={spec.remote: _fingerprint(spec, field) for spec, field in bound} | {one.id: one.remote for one in telling},
        dropped=(
            *(spec.remote for spec in mapping.rows if spec.remote not in names),
            *(name for name, one in bought.items() if one is None and len(purchased[name]) > 0),
        ),
        unheard=tuple(dict.fromkeys(spec.remote for spec in mapping.consents if not spec.names(schema.fields))),
        fillings=tuple(
            (field.name, spec.required, tuple(names[name] for name in spec.required_with if name in names))
            for spec, field in bound
            if spec.required is not None
        ),
        purchased=telling,
    )


def _is_set(spec: RowSpec) -> bool:
    return spec.lead in ("emails", "phones")


def _ourselves(email: str | None, routed: Collection[str]) -> str | None:
    """The address that owns what nobody was given; none where leads are routed to it, for then it is an owner like the others."""
    return None if email is None or email.casefold() in [other.casefold() for other in routed] else email.casefold()


# Finding the field of a row


def api_name(logical: str) -> str:
    """How Salesforce spells a custom field: leadloom_lead_id is Leadloom_Lead_Id__c."""
    return "_".join(word.capitalize() for word in logical.split("_")) + "__c"


def _find(spec: RowSpec, schema: SchemaLike) -> list[FieldLike]:
    """The fields that could be meant: none, the one, or several custom ones of one label."""
    if not spec.custom:
        field = schema.fields.get(spec.remote)
        if field is None and spec.lead.startswith(CUSTOM):
            return [field for field in schema.fields.values() if field.label.casefold() == spec.remote.casefold()]
        return [] if field is None else [field]
    for name in (spec.remote, api_name(spec.remote), spec.remote.upper()):
        if name in schema.fields:
            return [schema.fields[name]]
    return [field for field in schema.fields.values() if field.custom and field.label.casefold().replace(" ", "_") == spec.remote]


# Whether it will do

_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("text", "long_text", "option"),
    "number": ("int", "float", "text", "long_text"),
    "figure": ("int", "float", "text", "long_text"),
    "flag": ("bool", "option", "text"),
    "yes_no": ("bool", "option", "text"),
    "option": ("option", "text", "long_text"),
    "view": ("option", "text"),
    "owner": ("owner", "reference", "int", "text", "option"),
    "email": ("text", "long_text"),
    "phone": ("text", "long_text"),
    "country": ("text", "long_text", "option"),
    "language": ("text", "long_text"),
}


def _problems(spec: RowSpec, found: list[FieldLike]) -> list[str]:
    if not found:
        return [] if spec.optional else [_missing(spec)]
    if len(found) > 1:
        return [f"{len(found)} fields are called {spec.remote!r}: rename all but the one that leadloom created."]
    return [*_type_problems(spec, found[0]), *_option_problems(spec, found[0])]


def _missing(spec: RowSpec) -> str:
    if spec.custom:
        return f"the custom field {spec.remote!r} is missing: run `leadloom setup`."
    return f"the field {spec.remote!r} is missing: let the user of these credentials see it, or take its row out of the mapping."


def _type_problems(spec: RowSpec, field: FieldLike) -> list[str]:
    problems = []
    expected = ("list",) if spec.slot == "all" else _TYPES[spec.convert]
    if field.type not in (*expected, spec.type, "other"):
        again = "rename or delete it, then run `leadloom setup`" if spec.custom else "change its row in the mapping"
        problems.append(f"the field {field.label!r} ({field.name}) is of type {field.type}, expected {' or '.join(expected)}: {again}.")
    if not field.writable and spec.direction != "in":
        problems.append(
            f"the field {field.label!r} ({field.name}) cannot be written: give the user of these credentials the right to edit it, "
            'or set direction = "in" in its row of the mapping.'
        )
    return problems


def _option_problems(spec: RowSpec, field: FieldLike) -> list[str]:
    if spec.convert != "option" or not field.options:
        return []
    known = {*(option.value.casefold() for option in field.options), *(option.label.casefold() for option in field.options)}
    lacking = [names[0] for names in names_of(spec).values() if names[0].casefold() not in known]
    if not lacking:
        return []
    return [f"the field {field.label!r} ({field.name}) lacks the options {', '.join(lacking)}: add them there."]


def _fingerprint(spec: RowSpec, field: FieldLike) -> str:
    options = [(option.value, option.label) for option in field.options]
    facts: tuple[object, ...] = (spec.fingerprint(), field.name, field.type, field.length, field.restricted, options)
    facts += (field.decimals,) if spec.convert == "figure" else ()
    return hashlib.sha256(repr(facts).encode()).hexdigest()


# Building the rows


def _set_row(spec: RowSpec, field: FieldLike, region: str | None) -> SetRow:
    return SetRow(spec.remote, field.name, spec.lead, spec.slot, spec.direction, region, field.length, spec.clear)


def _consent_rows(mapping: Dictionary, schema: SchemaLike, account: str, purposes: Mapping[str, str]) -> Iterator[Row]:
    taken = {spec.remote for spec in mapping.rows}
    for spec in mapping.consents:
        for name in spec.names(schema.fields):
            purpose = spec.purpose_of(name, account, purposes)
            lead = f"opt_out.{spec.channel}" if purpose == MARKETING else f"opt_out.{spec.channel}/{purpose}"
            direction = spec.direction if schema.fields[name].writable else "in"
            id = next(id for id in (name, f"{name}?", f"{name}?{spec.channel}") if id not in taken)
            taken.add(id)
            standing = Standing(spec.denies, spec.mute)
            yield Row(
                id,
                name,
                lead,
                direction,
                standing,
                needs=spec.needs,
                hears=spec.hears,
                unlisted_is_no=spec.unlisted_is_no,
                shown_only=spec.shown_only,
                forgets=spec.forgets,
            )


def _row(spec: RowSpec, field: FieldLike, account: Account) -> Row:
    filler = spec.required if not spec.required_with else None
    convert = converter(spec, field, account)
    plain = (spec.remote, field.name, spec.lead, spec.direction, convert, filler, spec.clear, spec.create_only, spec.needs)
    return Row(*plain, derived=spec.derived)
