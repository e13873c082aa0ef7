"""Names: their words, however they came, and what an address says about the name beside it."""

from __future__ import annotations

from leads import identity, normal
from leads.matching.features import Own
from leads.normal import Refused


def split(text: str) -> tuple[str, str]:
    """First and last name of a whole one."""
    found = normal.person_name(identity.without_notes(text))
    return ("", text) if isinstance(found, Refused) else (found.first, found.last)


def words(text: str) -> tuple[tuple[str, ...], int]:
    """The words of a first or last name, and the generation it tells."""
    if text == "":
        return (), 0
    return identity.name_words(repaired(text))


def repaired(text: str) -> str:
    """UTF-8 that was read as Windows-1252 on its way: "MÃ¼ller" is Müller."""
    if "Ã" in text or "Å" in text or "Ä" in text:
        try:
            return text.encode("cp1252").decode("utf-8")
        except UnicodeError:
            return text
    return text


def own(stem: str, first: tuple[str, ...], last: tuple[str, ...]) -> Own:
    """Whether an address (its letters before the @) is that of the name beside it."""
    if stem == "" or not (first or last):
        return Own.UNKNOWN
    has_last = any(len(word) > 2 and word in stem for word in last)
    has_first = any(len(word) > 2 and word in stem for word in first)
    if has_last:
        if has_first or (first and stem[0] == first[0][0]) or (first and stem[-1] == first[0][0]):
            return Own.FULL
        return Own.RELATIVE if first and _names_another(stem, first, last) else Own.LAST
    if has_first:
        return Own.FIRST
    # Two or three letters, an initial, or a name that is cut prove nothing.
    return Own.OTHER if len(stem) > 3 and any(len(word) > 2 for word in (*first, *last)) else Own.UNKNOWN


def _names_another(stem: str, first: tuple[str, ...], last: tuple[str, ...]) -> bool:
    """Whether what the address has beside the last name is another first name: "norbert.winkler" beside Sabine Winkler."""
    for word in last:
        stem = stem.replace(word, "", 1) if len(word) > 2 else stem
    if len(stem) < 4 or not any(len(word) > 2 for word in first):
        return False
    known = identity.nicknames()
    return all(
        known.get(stem, frozenset()).isdisjoint(known.get(word, frozenset())) and not identity.one_slip(stem, word) for word in first
    )
