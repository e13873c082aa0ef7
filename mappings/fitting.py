"""Which converter a row gets in an account: by the kind of its field, by what the field takes there, and by who the users are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leads.model import FIELDS, spec_of
from leads.normal import Refused
from leads.normal import country as country_code
from mappings.described import FieldLike, OwnerLike
from mappings.lookups import Country, EmailText, Language, OwnerId
from mappings.schema import RowSpec
from mappings.values import FILLER, Choice, Converter, Figure, Flag, Json, Number, Option, Text, View, YesNo


@dataclass(frozen=True, slots=True)
class Account:
    """What the converters must know of an account beside the field itself. Addresses are folded."""

    crm: str
    owners: Sequence[OwnerLike]
    ourselves: str | None = None  # the address of the user we act as, unless leads are routed to it


def converter(spec: RowSpec, field: FieldLike, account: Account) -> Converter:
    ours = spec.direction == "out"
    match spec.convert:
        case "number":
            return Number(as_text=account.crm in _TEXTUAL or field.type in ("text", "long_text"), guarded=not ours)
        case "figure":
            in_text = field.type in ("text", "long_text")
            decimals = 0 if field.type == "int" else field.decimals
            return Figure(account.crm in _TEXTUAL or in_text, in_text, decimals)
        case "flag":
            return _flag(field, account.crm)
        case "yes_no":
            words = _flag(field, account.crm)
            return YesNo(words.yes, words.no)
        case "option":
            return _option(Option, spec, field, account.crm)
        case "view":
            return _option(View, spec, field, account.crm)
        case "owner":
            return _owner(account)
        case "email":
            return EmailText()
        case "country":
            return _country(_text(spec, field), field, account.crm)
        case "language":
            return Language(_text(spec, field))
        case _:
            return _choice(_text(spec, field), field, account.crm) if field.options else _text(spec, field)


_TEXTUAL: Final = ("hubspot", "activecampaign")  # every value is text on the wire
_NUMBERED: Final = ("pipedrive",)  # options and users are written as the number they are


def _text(spec: RowSpec, field: FieldLike) -> Text:
    fillers = (FILLER,) if spec.required is None or spec.required == FILLER else (FILLER, spec.required)
    return Text(field.length, spec_of(spec.lead).max_length, fillers)


def _choice(text: Text, field: FieldLike, crm: str) -> Choice:
    values = {name: _id(value, crm) for name, value in _by_name(field).items()}
    return Choice(values, {option.value: option.label for option in field.options}, text, field.restricted)


def _by_name(field: FieldLike) -> dict[str, str]:
    """Folded label or value -> value. Of equal labels the first counts, and a value counts more than a label."""
    options = list(reversed(field.options))
    return {option.label.casefold(): option.value for option in options} | {option.value.casefold(): option.value for option in options}


def _flag(field: FieldLike, crm: str) -> Flag:
    words = _by_name(field)
    for yes, no in (("true", "false"), ("yes", "no"), ("1", "0"), ("ja", "nein")):
        if yes in words and no in words:
            return Flag(_id(words[yes], crm), _id(words[no], crm))
    if ":" not in field.name and (crm in _TEXTUAL or field.type != "bool"):
        return Flag("true", "false")
    return Flag()


def _option(kind: type[Option], spec: RowSpec, field: FieldLike, crm: str) -> Option:
    values = _by_name(field)
    written: dict[str, Json] = {}
    understood: dict[str, tuple[str, ...]] = {}
    for ours, names in _in_order(spec):
        known = [name if not values else values[name.casefold()] for name in names if not values or name.casefold() in values]
        if known:
            written[ours] = _id(known[0], crm)
        for name in known:
            understood[name.casefold()] = (*understood.get(name.casefold(), ()), ours)
    return kind(written, understood)


def _in_order(spec: RowSpec) -> list[tuple[str, tuple[str, ...]]]:
    """As the lead's field lists them, so that the first of several that fit is the least far-reaching."""
    names = names_of(spec)
    return [(option, names[option]) for option in FIELDS[spec.lead].options if option in names]


def _id(value: str, crm: str) -> Json:
    return int(value) if crm in _NUMBERED and value.isascii() and value.isdigit() else value


def _owner(account: Account) -> OwnerId:
    users = [(owner, owner.email.casefold()) for owner in account.owners if owner.kind == "user" and owner.email is not None]
    return OwnerId(
        emails={owner.id: email for owner, email in users},
        ids={email: _id(owner.id, account.crm) for owner, email in reversed(users) if owner.active},
        nobody=frozenset(owner.id for owner in account.owners if owner.kind != "user"),
        ourselves=account.ourselves,
    )


def _country(text: Text, field: FieldLike, crm: str) -> Country:
    values = {name: _id(value, crm) for name, value in _by_name(field).items()}
    codes = {code: value for name, value in reversed(values.items()) if not isinstance(code := country_code(name), Refused)}
    return Country(text, values | codes, {option.value: option.label for option in field.options}, field.restricted)


def names_of(spec: RowSpec) -> dict[str, tuple[str, ...]]:
    """What the CRM calls each of our options; without a table in the mapping, what we call it."""
    return dict(spec.options) or {option: (option,) for option in FIELDS[spec.lead].options}
