"""Evidence of identity: which addresses may link two records, and whether two names can be one person's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final

from leads import normal
from leads.normal import REMEMBER, Refused
from leads.tables import table


@lru_cache(REMEMBER)
def usable_mailbox(address: str) -> str | Refused:
    """The mailbox by which records are linked, unless several people or nobody may sit behind it."""
    found = normal.email(address)
    if isinstance(found, Refused):
        return found
    local, _, domain = found.mailbox.rpartition("@")
    if is_placeholder(local) or domain in listed("placeholder_domains"):
        return Refused("is a placeholder")
    return Refused("is a role mailbox") if is_role(local) else found.mailbox


def is_placeholder(local: str) -> bool:
    return local in listed("placeholder")


@lru_cache(REMEMBER)
def is_role(local: str) -> bool:
    """Whether a team sits behind the part before the @."""
    role = listed("role")
    if local in role:
        return True
    words = set(re.split(r"[._-]+", local)) - {""}
    return not words.isdisjoint(role) and words <= role | listed("qualifier")


@cache
def listed(name: str) -> frozenset[str]:
    return frozenset(table("mailboxes")[name])


class Agreement(StrEnum):
    AGREE = "agree"
    UNKNOWN = "unknown"
    CONTRADICT = "contradict"


Name = tuple[str, str]  # first, last; "" where it is missing
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """The words of a name that tell people apart, and the generation (Jr., III) where it is told."""

    first: Words
    last: Words
    rank: int | None


@lru_cache(REMEMBER)
def names_agree(one: Name, other: Name) -> Agreement:
    """Can two people written like this be the same? Missing parts prove nothing, in either direction."""
    found = {_agreement(a, b) for a in _readings(one) for b in _readings(other)}
    return next(level for level in (Agreement.AGREE, Agreement.UNKNOWN, Agreement.CONTRADICT) if level in found)


def is_whole(name: Name) -> bool:
    """Whether a name has a first and a last one, both spelled out: all that one needs to tell two people apart."""
    return any(_spelled(parts.first) and _spelled(parts.last) for parts in _readings(name))


def _spelled(words: Words) -> bool:
    return any(len(word) > 1 for word in words)


def _agreement(one: Parts, other: Parts) -> Agreement:
    if one.rank != other.rank and one.rank is not None and other.rank is not None:
        return Agreement.CONTRADICT
    if not (one.first or one.last) or not (other.first or other.last):
        return Agreement.UNKNOWN
    if not (one.first and one.last and other.first and other.last):
        return _partly_agree(one, other)
    straight = _same(one.first, other.first) and _same(one.last, other.last)
    if straight or (_same(one.first, other.last) and _same(one.last, other.first)):
        return Agreement.AGREE if _is_spelled_out(one) and _is_spelled_out(other) else Agreement.UNKNOWN
    return Agreement.CONTRADICT


def _partly_agree(one: Parts, other: Parts) -> Agreement:
    if not (one.first and other.first) and not (one.last and other.last):
        return Agreement.UNKNOWN
    # The one part that is known may stand in the wrong field, so it is held against both.
    possible = any(_same(a, b) for a in (one.first, one.last) if a for b in (other.first, other.last) if b)
    return Agreement.UNKNOWN if possible else Agreement.CONTRADICT


def _is_spelled_out(name: Parts) -> bool:
    return _spelled((*name.first, *name.last))


def _same(one: Words, other: Words) -> bool:
    """Every word of the shorter name has a partner of its own in the longer one, or they are one word cut differently."""
    if "".join(one) == "".join(other):
        return True
    shorter, longer = sorted((one, other), key=len)
    return _paired(shorter, longer)


def _paired(shorter: Words, longer: Words) -> bool:
    if not shorter:
        return True
    rest = shorter[1:]
    return any(_same_word(shorter[0], word) and _paired(rest, longer[:at] + longer[at + 1 :]) for at, word in enumerate(longer))


def _same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    if len(one) == 1 or len(other) == 1:
        return one[0] == other[0]
    if not nicknames().get(one, frozenset()).isdisjoint(nicknames().get(other, frozenset())):
        return True
    return min(len(one), len(other)) >= 4 and one_slip(one, other)


def one_slip(one: str, other: str) -> bool:
    """One letter added, lost, replaced, or two neighbours changed places."""
    one, other = sorted((one, other), key=len)
    if len(other) - len(one) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    return one[at + 1 :] == other[at + 1 :] or (one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :])


@cache
def nicknames() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, group in enumerate(table("nicknames")["groups"]):
        for name in group:
            found.setdefault(letters(name), set()).add(number)
    return {name: frozenset(numbers) for name, numbers in found.items()}


# What a name consists of

_NOTE: Final = re.compile(r"\([^)]*\)|\[[^]]*\]|†.*$|\s[-–—]\s.*$|\bDO NOT CALL\b.*$", re.IGNORECASE)
_RANKS: Final = {"jr": 2, "jun": 2, "junior": 2, "sr": 1, "sen": 1, "senior": 1, "ii": 2, "iii": 3, "iv": 4}


@lru_cache(REMEMBER)
def _readings(name: Name) -> tuple[Parts, ...]:
    first, last = (_meant(part) for part in name)
    if "," in last:
        surname, _, given = last.partition(",")
        return (_parts(first or given, surname),)
    whole = _taken_apart(first or last) if first == "" or last == "" else None
    return (_parts(first, last),) if whole is None else (_parts(first, last), _parts(*whole))


def _parts(first: str, last: str) -> Parts:
    firsts, lasts = _words(first), _words(last)
    ranks = [_RANKS[word] for word in (*firsts[1:], *lasts[1:]) if word in _RANKS]
    return Parts(_without_ranks(firsts), _without_ranks(lasts), ranks[0] if ranks else None)


def _without_ranks(words: Words) -> Words:
    return tuple(word for at, word in enumerate(words) if at == 0 or word not in _RANKS)


def _meant(part: str) -> str:
    text = normal.fold(_NOTE.sub(" ", part))
    return "" if text.casefold() in _known("nobody") or not any(sign.isalpha() for sign in text) else text


def _taken_apart(text: str) -> Name | None:
    """A whole name that stands in one field."""
    if len(text.split()) < 2:
        return None
    found = normal.person_name(text)
    return None if isinstance(found, Refused) or "" in (found.first, found.last) else (found.first, found.last)


def _words(part: str) -> Words:
    found = [word for word in map(letters, re.split(r"[\s\-–./,]+", part)) if word != ""]
    people = [word for word in found if word not in _known("titles")] or found
    telling = [word for word in people if word not in _known("links")] or people
    return tuple(telling[:6])  # pairing tries every order


def without_notes(text: str) -> str:
    return normal.fold(_NOTE.sub(" ", text))


def name_words(part: str) -> tuple[Words, int]:
    """The telling words of one name field, folded, and the generation (0 where it is not told)."""
    words = _words(_meant(part))
    ranks = [_RANKS[word] for word in words[1:] if word in _RANKS]
    return _without_ranks(words), ranks[0] if ranks else 0


@cache
def _known(name: str) -> frozenset[str]:
    return frozenset(table("names")[name])


@lru_cache(REMEMBER)
def letters(word: str) -> str:
    """Lower-case ASCII letters in which ä, ae and a are the same."""
    if not word.isascii():
        from anyascii import anyascii

        word = anyascii(word)
    word = word.lower()
    return _UMLAUT.sub(r"\1", word if word.isalpha() else _NO_LETTER.sub("", word))


_NO_LETTER: Final = re.compile(r"[^a-z]")
_UMLAUT: Final = re.compile(r"([aou])e")
