"""A mapping file: one CRM's dialect for one object, as data.

`parse` turns TOML text into a frozen `Mapping` and reports everything that is wrong with it at once. A mapping does not know any
account yet: `apply.bind` joins it with the fields that an account really has.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import abc
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Final

from leads.model import FIELDS, TOLD, Kind
from mappings import consents

CONVERTERS: Final[abc.Mapping[Kind, tuple[str, ...]]] = {
    Kind.TEXT: ("text",),
    Kind.NUMBER: ("number",),
    Kind.FLAG: ("flag",),
    Kind.EMAILS: ("email",),
    Kind.PHONES: ("phone",),
    Kind.EMAIL: ("owner", "email"),
    Kind.OPTION: ("option", "view"),
    Kind.COUNTRY: ("country",),
    Kind.LANGUAGE: ("language",),
}
DIRECTIONS: Final = ("both", "in", "out")
SLOTS: Final = ("first", "work", "mobile", "fax", "any", "rest", "all")
TYPES: Final = ("text", "long_text", "int", "float", "bool", "date", "datetime", "option", "options")
ROW_KEYS: Final = (
    *("lead", "role", "remote", "as", "direction", "slot", "required", "required_with", "options"),
    *("create_only", "optional", "clear", "type", "needs", "derived"),
)
KEY: Final = "key"
SUFFIXES: Final = {"status": "", "since": "_since", "event": "_event"}
ASKED_FOR: Final = tuple(f"consent.{channel}.{told}" for channel, told in TOLD)  # no file has them: `telling` adds them
TOLD_TYPES: Final = {"status": "text", "since": "date", "event": "text"}


class MappingProblems(Exception):
    """Everything that is wrong with a mapping file, or that an account lacks for it; one sentence each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class RowSpec:
    """How one field of a CRM stands for (a part of) one canonical field.

    `remote` names the row for ever; for custom fields (`type` is set) it is the logical name, which every account spells its own way.
    `required` is the text written where the CRM insists on a value and the lead has none; with `required_with` only if those are empty too.
    `needs` is the remote name of a field of the same record without which the CRM cannot show this one.
    With `derived` the CRM has no such field: it follows from the narrower ones of the record (who left every list wants no mail).
    `options` lists, per canonical option, what the CRM calls it: the first is written, all are understood.
    """

    remote: str
    lead: str = ""
    role: str = ""
    convert: str = "text"
    direction: str = "both"
    slot: str = ""
    required: str | None = None
    required_with: tuple[str, ...] = ()
    options: tuple[tuple[str, tuple[str, ...]], ...] = ()
    create_only: bool = False
    optional: bool = False
    clear: bool = True
    type: str = ""
    needs: str = ""
    derived: bool = False

    @property
    def custom(self) -> bool:
        return self.type != ""

    def fingerprint(self) -> str:
        """Changes with what the row means; what it needs changes only whether it can be written, what it follows from only what is news."""
        return _hash({name: value for name, value in asdict(self).items() if name not in ("needs", "derived")})


@dataclass(frozen=True, slots=True)
class Mapping:
    """The dialect of one object of one CRM."""

    crm: str
    object: str
    rows: tuple[RowSpec, ...]
    consents: tuple[consents.ConsentSpec, ...] = ()

    def fingerprint(self) -> str:
        """Changes whenever the meaning of the file does, never with its layout or comments."""
        return _hash(asdict(self))

    def fingerprints(self) -> dict[str, str]:
        """Row id -> fingerprint, so that a changed file is a rebase of the changed rows only."""
        return {row.remote: row.fingerprint() for row in self.rows}


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field that `leadloom setup` creates."""

    name: str
    label: str
    type: str
    options: tuple[str, ...] = ()
    unique: bool = False


def packaged(crm: str, object: str) -> Mapping:
    """The mapping that ships for an object of a CRM."""
    name = f"{crm}_{object.lower()}.toml"
    return parse(files("mappings").joinpath(name).read_text("utf-8"), name)


def telling(mapping: Mapping) -> Mapping:
    """The mapping with what the ledger of consent says in fields of ours; they are called the same in every CRM."""
    rows = (
        RowSpec(f"leadloom_consent_{channel}{SUFFIXES[told]}", f"consent.{channel}.{told}", direction="out", type=TOLD_TYPES[told])
        for channel, told in TOLD
    )
    return replace(mapping, rows=(*mapping.rows, *rows))


def custom_fields(mapping: Mapping) -> list[CustomField]:
    return [_custom_field(row) for row in mapping.rows if row.custom]


def _custom_field(row: RowSpec) -> CustomField:
    options = FIELDS[row.lead].options if row.type == "option" else ()
    return CustomField(row.remote, row.remote, row.type, options, unique=row.role == KEY)


def parse(text: str, file: str) -> Mapping:
    """Read a mapping file; raises `MappingProblems` with every problem in it."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingProblems([f"{file}: not valid TOML: {error}"]) from None
    problems = [f"{file}: {problem}" for problem in _document_problems(document)]
    if problems:
        raise MappingProblems(problems)
    return Mapping(document["crm"], document["object"], tuple(map(_spec, document["rows"])), consents.specs(document.get("consents", ())))


def _document_problems(document: dict[str, Any]) -> Iterator[str]:
    yield from _unknown_keys(document, ("crm", "object", "rows", "consents"))
    yield from consents.problems(document.get("consents", []))
    for key in ("crm", "object"):
        if not isinstance(document.get(key), str):
            yield f"{key}: expected a name"
    rows = document.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield "rows: expected a list of tables, one per field"
        return
    for number, row in enumerate(rows, 1):
        name = row.get("remote", f"number {number}")
        yield from (f"row {name}: {problem}" for problem in _row_problems(row))
    yield from _whole_problems(rows)


def _row_problems(row: dict[str, Any]) -> Iterator[str]:
    yield from _unknown_keys(row, ROW_KEYS)
    yield from _kind_problems(row)
    if not _is_name(row.get("remote")):
        yield "remote: expected the CRM's name of the field"
    if row.get("role") == KEY:
        return
    if "role" in row:
        yield f"role: expected {KEY!r}, found {row['role']!r}"
    if row.get("lead") not in tuple(FIELDS):  # a list in the file is not even hashable
        yield f"lead: expected a field of the lead, found {row.get('lead')!r}{_nearest(row.get('lead'), FIELDS)}"
    else:
        yield from _meaning_problems(row, FIELDS[row["lead"]].kind)


def _kind_problems(row: dict[str, Any]) -> Iterator[str]:
    for key, allowed in (("direction", DIRECTIONS), ("slot", SLOTS), ("type", TYPES)):
        if key in row and row[key] not in allowed:
            yield f"{key}: expected one of {', '.join(allowed)}; found {row[key]!r}{_nearest(row[key], allowed)}"
    for key in ("create_only", "optional", "clear", "derived"):
        if not isinstance(row.get(key, False), bool):
            yield f"{key}: expected true or false, found {row[key]!r}"
    if "required" in row and not _is_name(row["required"]):
        yield "required: expected the text to write where the lead has none"
    if "needs" in row and not _is_name(row["needs"]):
        yield "needs: expected the remote name of a field"
    if not _is_names(row.get("required_with", [])):
        yield "required_with: expected a list of remote names"


def _meaning_problems(row: dict[str, Any], kind: Kind) -> Iterator[str]:
    lead, converters = row["lead"], CONVERTERS[kind]
    if row.get("as") not in converters:
        yield f"as: expected {' or '.join(converters)} for {lead}, found {row.get('as')!r}{_nearest(row.get('as'), converters)}"
    is_set = kind in (Kind.EMAILS, Kind.PHONES)
    if is_set and "slot" not in row:
        yield f"slot: expected one of {', '.join(SLOTS)}, because {lead} is a set"
    if not is_set and "slot" in row:
        yield f"slot: only emails and phones have slots, {lead} has one value"
    if "required" in row and kind is not Kind.TEXT:
        yield f"required: only text can be filled in, {lead} is of kind {kind}"
    if "options" in row:
        yield from _option_problems(row["options"], kind, FIELDS[lead].options)


def _option_problems(options: object, kind: Kind, known: tuple[str, ...]) -> Iterator[str]:
    if kind is not Kind.OPTION:
        yield "options: only fields with options can have them"
        return
    if not isinstance(options, dict):
        yield "options: expected a table of our option = theirs"
        return
    for ours, theirs in options.items():
        if ours not in known:
            yield f"options: expected one of {', '.join(known)}; found {ours!r}{_nearest(ours, known)}"
        if not _is_names(_listed(theirs)):
            yield f"options: {ours}: expected a text or a list of texts"


def _whole_problems(rows: list[dict[str, Any]]) -> Iterator[str]:
    names = [str(row.get("remote")) for row in rows]
    yield from (f"row {name}: stands there {names.count(name)} times" for name in dict.fromkeys(names) if names.count(name) > 1)
    mapped = [row.get("lead") for row in rows]
    yield from (f"no row for {name}: expected at least one with lead = {name!r}" for name in FIELDS if name not in (*mapped, *ASKED_FOR))
    keys = sum(row.get("role") == KEY for row in rows)
    if keys != 1:
        yield f"expected exactly one row with role = {KEY!r}, found {keys}"
    for row in rows:
        missing = [name for name in _listed(row.get("required_with", [])) if name not in names]
        yield from (f"row {row.get('remote')}: required_with: no row {name!r}{_nearest(name, names)}" for name in missing)


def _spec(row: dict[str, Any]) -> RowSpec:
    plain = {key: value for key, value in row.items() if key not in ("as", "options", "required_with")}
    options = tuple(sorted((ours, tuple(_listed(theirs))) for ours, theirs in row.get("options", {}).items()))
    return RowSpec(**plain, convert=row.get("as", "text"), options=options, required_with=tuple(row.get("required_with", ())))


def _unknown_keys(table: dict[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    return (f"unknown key {key!r}{_nearest(key, known)}" for key in table if key not in known)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(_is_name(name) for name in value)


def _nearest(word: object, known: Iterable[object]) -> str:
    close = get_close_matches(str(word), [str(name) for name in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
