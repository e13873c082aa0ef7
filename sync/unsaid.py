"""Unsaid: what one person said, taken out of the history of another with whom they were once one lead.

Pure. A step that came from a record of the erased person goes; of the others whatever the person said and the other does not say today.
Nothing is put in its place: a history with holes can still be read, and nobody takes a placeholder for a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from leads.model import ABSENT, Value
from leads.values import same
from sync.state import LeadState, Lost, Ref, Revision
from sync.view import SETS

LEAST = 3  # letters of a text that can tell who somebody is
NAMES = (
    "first_name",
    "last_name",
    "job_title",
    "company.",
    "address.street",
    "address.postal_code",
    "address.city",
)  # how telling fields begin


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be forgotten: records, values by field, items of sets by their keys, and the texts of all of them, folded."""

    refs: frozenset[Ref]
    values: frozenset[tuple[str, str]]
    items: frozenset[str]
    texts: frozenset[str]


def said_by(leads: Iterable[LeadState], steps: Iterable[Revision], refs: Iterable[Ref], other: LeadState) -> Said:
    """What these states and steps of a person say, without what `other` says today as well."""
    theirs = [(name, value) for lead in leads for name, value in lead.fields.items()]
    theirs += [(one.name, value) for one in steps for value in (one.old, one.new, *(lost.value for lost in one.lost))]
    ours = list(other.fields.items())
    values, items = _texts(theirs) - _texts(ours), _items(theirs) - _items(ours)
    known = {text for _, text in _texts(ours)} | {part for one in _items(ours) for part in _spellings(one)}
    texts = {text for name, text in values if name.startswith(NAMES)} | {part for one in items for part in _spellings(one)}
    return Said(frozenset(refs), frozenset(values), frozenset(items), frozenset(one for one in texts - known if len(one) >= LEAST))


def _texts(said: Iterable[tuple[str, Value]]) -> set[tuple[str, str]]:
    return {(name, value.casefold()) for name, value in said if isinstance(value, str) and value != ""}


def _items(said: Iterable[tuple[str, Value]]) -> set[str]:
    return {part for name, value in said if name in SETS and isinstance(value, tuple) for item in value for part in (item.key, item.text)}


def _spellings(item: str) -> Iterator[str]:
    """A text as it is compared: folded, and of a number its last digits, which every spelling has."""
    yield item.casefold()
    digits = "".join(filter(str.isdigit, item))
    if "@" not in item and len(digits) >= 6:
        yield digits[-7:]


def without(steps: Iterable[Revision], said: Said) -> list[Revision]:
    """A history without what was said."""
    kept = []
    for one in steps:
        if one.origin.ref is not None and one.origin.ref in said.refs:
            continue
        old, new = (_cleaned(one.name, value, said) for value in (one.old, one.new))
        if (same(one.old, old) and same(one.new, new)) or not same(old, new):
            lost = tuple(lost for lost in one.lost if not _is_theirs(one.name, lost, said))
            kept.append(replace(one, old=old, new=new, lost=lost, also=tuple(each for each in one.also if each.ref not in said.refs)))
    return kept


def _is_theirs(name: str, lost: Lost, said: Said) -> bool:
    from_them = lost.origin is not None and lost.origin.ref in said.refs
    return from_them or not same(_cleaned(name, lost.value, said), lost.value)


def lead_without(lead: LeadState, said: Said) -> LeadState:
    """A state in which a lead once was, without what was said."""
    fields = {name: _cleaned(name, value, said) for name, value in lead.fields.items()}
    gone = {name for name, value in fields.items() if value is ABSENT}
    asked = {name: tuple(one for one in those if one.origin.ref not in said.refs) for name, those in lead.asked.items()}
    return replace(
        lead,
        fields={name: value for name, value in fields.items() if name not in gone},
        origins={name: origin for name, origin in lead.origins.items() if name not in gone and origin.ref not in said.refs},
        asked={name: those for name, those in asked.items() if those},
    )


def _cleaned(name: str, value: Value, said: Said) -> Value:
    if isinstance(value, str):
        return ABSENT if (name, value.casefold()) in said.values else value
    if name in SETS and isinstance(value, tuple):
        left = tuple(item for item in value if item.key not in said.items and item.text not in said.items)
        return left if left or not value else ABSENT
    return value


def mentions(document: Any, said: Said) -> bool:
    """Whether a document holds one of the texts, whole or as a word of its own, in whatever spelling of a number."""
    if isinstance(document, Mapping):
        return any(mentions(one, said) for one in document.values())
    if isinstance(document, list | tuple):
        return any(mentions(one, said) for one in document)
    return isinstance(document, str) and not _parts(document).isdisjoint(said.texts)


def _parts(text: str) -> Set[str]:
    folded = text.casefold()
    words = {word.strip(".,;:()<>\"'") for word in folded.split()}
    return {folded} | words | {part for one in (text, *words) for part in _spellings(one)}
