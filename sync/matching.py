"""Matching (shell): leads that may be one person, found by what they have in common. A person is asked; nothing is joined here.

What is compared of a lead is kept with it, in its own transaction. Leads of which that has changed are compared with all others after
the last of a run's leads is woven, so that what is found does not depend on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leads.matching.live import VERSION, Compared, compare
from leads.matching.of_leads import cells_of, likeness_of
from leads.matching.reading.reader import Reader
from leads.matching.scoring import Weights, shipped
from sync.link import PAIR_KINDS
from sync.state import GONE, LeadState, Link, Ref, Review, pair_choices, pair_key
from sync.workspace import Begin, Pass

LEADS = 200
KIND = "possible_duplicate"

Pair = tuple[str, str]  # two leads, the smaller id first


def remember(unit: Any, leads: Iterable[LeadState], links: Mapping[str, Iterable[Link]], reader: Reader) -> None:
    """Keep what of these leads is compared; `links` are all that they have."""
    found = {}
    for lead in leads:
        crms = {link.ref.account for link in links.get(lead.id, ()) if link.state not in GONE}
        found[lead.id] = likeness_of(cells_of(lead.fields), crms, reader)
    unit.put_likenesses(found)


def fill(turn: Pass, begin: Begin) -> None:
    """What is compared of leads was never kept in this store, or in another form: it is made anew, of all of them."""
    with begin() as unit:
        if unit.meta("likeness") == VERSION:
            return
        unit.drop_likenesses()
    after = ""
    while True:
        with begin() as unit:
            ids = unit.leads_without_likeness(after, LEADS)
            if not ids:
                unit.put_meta("likeness", VERSION)
                return
            links = {id: [link for link, _ in found] for id, found in unit.links_of(ids).items()}
            remember(unit, unit.leads(ids).values(), links, turn.reader)
        after = ids[-1]


def match(turn: Pass, begin: Begin) -> dict[Pair, float]:
    """Compare every lead that has changed with all others, and ask about those that may be one person; returns them with their bits."""
    asked: dict[Pair, float] = {}
    filed, after = 1, 0
    while filed:
        with begin() as unit:
            filed = unit.file_likenesses()
    while True:
        with begin() as unit:
            due = unit.due_likenesses(after, LEADS)
            if not due:
                return asked
            questions = _questions(unit, due, shipped())
            likeliest_last = sorted(questions.values(), key=lambda one: one[1])  # `review list` begins with the newest
            turn.census.reviews += unit.ask([question for question, _ in likeliest_last], turn.run, turn.now)
            asked |= {names: bits for names, (_, bits) in questions.items()}
            unit.compared([one.n for one in due])
        after = due[-1].n


def _questions(unit: Any, due: Sequence[Any], weights: Weights) -> dict[Pair, tuple[Review, float]]:
    pairs = _pairs(due, unit.alike(due))
    if not pairs:
        return {}
    compared = compare([(one.likeness, other.likeness) for one, other in pairs.values()], _counts(unit, pairs.values()), weights)
    near = {names: at for at, names in enumerate(pairs) if compared.bits[at] >= weights.review}
    links: Mapping[str, Sequence[tuple[Link, Any]]] = unit.links_of(sorted({id for names in near for id in names}))
    settled = _settled(unit, near, links) if near else set()
    new = sorted((names, at) for names, at in near.items() if names not in settled)
    said = compared.reasons([at for _, at in new], weights) if new else []
    return {names: (_question(names, compared.bits[at], why, links), compared.bits[at]) for (names, at), why in zip(new, said, strict=True)}


def _pairs(due: Sequence[Any], alike: Mapping[int, Sequence[Any]]) -> dict[Pair, tuple[Any, Any]]:
    """Every pair once: two leads that are both due meet when the later one is looked at."""
    found = {}
    for one in due:
        for other in alike[one.n]:
            if not (other.due and other.n > one.n):
                left, right = sorted((one, other), key=lambda each: each.lead_id)
                found[(left.lead_id, right.lead_id)] = (left, right)
    return found


def _counts(unit: Any, pairs: Iterable[tuple[Any, Any]]) -> Any:
    return unit.counts_for({each.n: each.likeness for pair in pairs for each in pair}.values())


def _settled(unit: Any, near: Iterable[Pair], links: Mapping[str, Sequence[tuple[Link, Any]]]) -> set[Pair]:
    """Pairs about which somebody has decided, or was asked when one of them came, whatever he answered."""
    owner = _owners(unit, links)
    merged = [f"merged:{one}:{other}" for one, other in near]
    subjects = [f"{kind}:{':'.join(link.ref)}" for found in links.values() for link, _ in found for kind in PAIR_KINDS]
    decided = [*unit.decisions_about(sorted(owner)), *unit.pairs_asked([*subjects, *merged, *_earlier(unit, near)])]
    both = ((owner.get(left), owner.get(right)) for left, right in decided)
    return {(min(one, other), max(one, other)) for one, other in both if one is not None and other is not None}


def _earlier(unit: Any, near: Iterable[Pair]) -> list[str]:
    """The questions about these pairs under names that they had before they became part of others."""
    pairs = list(near)
    called = unit.also_called({id for pair in pairs for id in pair})
    names = ((pair, [sorted({id, *called.get(id, ())}) for id in pair]) for pair in pairs)
    return [_subject(a, b) for pair, (one, other) in names for a in one for b in other if (a, b) != pair]


def _subject(one: str, other: str) -> str:
    return f"{KIND}:{min(one, other)}:{max(one, other)}"


def _owners(unit: Any, links: Mapping[str, Sequence[tuple[Link, Any]]]) -> dict[str, str]:
    """Under which names people have decided about these leads: their own, those that they had, and those of their records."""
    owner = {key: id for id, found in links.items() for key in (pair_key(id), *(pair_key(link.ref) for link, _ in found))}
    return owner | {pair_key(name): id for id, names in unit.also_called(links).items() for name in names}


def _question(names: Pair, bits: float, said: str, links: Mapping[str, Sequence[tuple[Link, Any]]]) -> Review:
    refs: tuple[Ref, ...] = tuple(sorted(link.ref for id in names for link, _ in links.get(id, ()) if link.state not in GONE))
    one, other = names
    question = f"Leads {one} and {other} may be one person ({bits:+.1f} bits): {said}. One person or two?"
    return Review(KIND, _subject(one, other), question, one, refs, choices=pair_choices(one, [other]))


# Why two are one, or still apart


@dataclass(frozen=True, slots=True)
class Near:
    """How far another lead is from being the same person: the score, every summand of it, and what a person said."""

    lead_id: str
    bits: float
    parts: Sequence[tuple[str, float]]
    verdict: str = ""  # same | different | "": nobody has said anything

    @property
    def outcome(self) -> str:
        if self.verdict != "":
            return f"decided: {self.verdict}"
        return "a person is asked" if self.bits >= shipped().review else "apart"


def between(unit: Any, pairs: Sequence[Pair]) -> Compared:
    """Pairs of leads that are compared at all, with their scores."""
    kept = unit.likenesses({id for pair in pairs for id in pair})
    both = [(kept[one], kept[other]) for one, other in pairs]
    return compare([(one.likeness, other.likeness) for one, other in both], _counts(unit, both), shipped())


def evidence_between(unit: Any, one: str, other: str) -> Near | None:
    """What speaks for and against `other` being lead `one`; None while one of them has not been looked at."""
    kept = unit.likenesses([one, other])
    return _near(unit, kept[one], [kept[other]])[0] if len(kept) == 2 else None


def neighbours(unit: Any, lead_id: str, most: int) -> list[Near]:
    """The leads that come nearest to being the same person, the nearest first; those that have nothing in common are none."""
    kept = unit.likenesses([lead_id]).get(lead_id)
    others = [] if kept is None else unit.alike([kept])[kept.n]
    found = sorted(_near(unit, kept, others), key=lambda one: -one.bits) if others else []
    return [one for one in found if one.bits >= shipped().apart][:most]


def _near(unit: Any, kept: Any, others: Sequence[Any]) -> list[Near]:
    pairs = [(kept, other) for other in others]
    compared = compare([(one.likeness, other.likeness) for one, other in pairs], _counts(unit, pairs), shipped())
    owner = _owners(unit, unit.links_of([kept.lead_id, *(other.lead_id for other in others)]))
    said = {
        frozenset((owner[left], owner[right])): verdict
        for (left, right), verdict in unit.decisions_about(sorted(owner)).items()
        if left in owner and right in owner
    }
    return [
        Near(other.lead_id, compared.bits[at], compared.parts(at, shipped()), said.get(frozenset((kept.lead_id, other.lead_id)), ""))
        for at, other in enumerate(others)
    ]
