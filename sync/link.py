"""Link: to which lead does a record belong?

Pure. Known links are looked up before this step; here only newcomers are placed: by the key of our own create, by the lead id they
carry (a hint: people clone and import records), by a cleaned e-mail address. Leads that a person called the same are one home. Evidence
that contradicts goes to review, and the newcomer becomes a lead of its own: two leads too many can be joined, one too few cannot be told
apart again.

The order in which records come must not matter. A batch is looked at as a whole: who shares addresses by way of others is one party,
and who says most about himself is placed first. Who has an address but no whole name waits until all others of the run have a lead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice

from leads.identity import Agreement, is_whole, names_agree
from sync.state import Link, Ref, Review, Role, pair_choices

Name = tuple[str, str]  # first, last; empty where unknown
PAIR_KINDS = ("clone", "shared_address", "ambiguous")  # questions whether a newcomer is the person of a lead that is there


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A record without a link. `mailboxes` are cleaned addresses fit for linking, `key` and `lead_hint` what its fields carry.

    `purchased`: it says that it is from a bought list.
    """

    ref: Ref
    name: Name
    mailboxes: tuple[str, ...]
    key: str = ""
    lead_hint: str = ""
    purchased: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A lead as far as linking needs it. `also` are further names that records given to it in this run show."""

    lead_id: str
    name: Name
    mailboxes: frozenset[str]
    also: frozenset[Name] = frozenset()

    def agrees(self, name: Name) -> Agreement:
        """A name that contradicts one of its records is not its name, however well it goes with another."""
        found = {names_agree(name, one) for one in (self.name, *self.also)}
        return next(level for level in (Agreement.CONTRADICT, Agreement.AGREE, Agreement.UNKNOWN) if level in found)


@dataclass
class Index:
    """What is known around a batch of newcomers; `place` extends it, so that newcomers of one batch meet each other."""

    leads: dict[str, Known] = field(default_factory=dict)
    by_mailbox: dict[str, set[str]] = field(default_factory=dict)
    by_key: Mapping[str, str] = field(default_factory=dict)  # keys of our creates that still have no record
    mains: set[tuple[str, str]] = field(default_factory=set)  # (lead, account) that have a main link
    elders: Mapping[str, str] = field(default_factory=dict)  # of leads that people called the same, the oldest


@dataclass(frozen=True, slots=True)
class Placed:
    link: Link
    evidence: str
    is_new_lead: bool
    reviews: tuple[Review, ...] = ()


def link(newcomers: Iterable[Newcomer], index: Index, new_id: Callable[[Ref], str]) -> list[Placed]:
    """Place every newcomer. Neither the order given nor what of them comes first changes the answer."""
    together = _with_their_party(sorted(newcomers, key=_order), index)
    return [_place(newcomer, index, new_id) for newcomer in together]


def is_sure(newcomer: Newcomer) -> bool:
    """Whether a newcomer can be placed before all others are known: nobody who comes later could be meant by what it shows."""
    return newcomer.key != "" or newcomer.lead_hint != "" or not newcomer.mailboxes or is_whole(newcomer.name)


def _order(newcomer: Newcomer) -> tuple[bool, bool, bool, int, Ref]:
    return (newcomer.key == "", newcomer.lead_hint == "", not is_whole(newcomer.name), -len(newcomer.mailboxes), newcomer.ref)


def _with_their_party(newcomers: Sequence[Newcomer], index: Index) -> list[Newcomer]:
    """Those whose names agree and whose addresses hang together share all of these, unless they would meet in more than one lead."""
    party = {newcomer.ref: [newcomer] for newcomer in newcomers}
    for sharing in _by_address(newcomers).values():
        for one, other in combinations(sharing, 2):
            if party[one.ref] is not party[other.ref] and names_agree(one.name, other.name) is Agreement.AGREE:
                party[one.ref] += party[other.ref]
                party.update(dict.fromkeys([each.ref for each in party[other.ref]], party[one.ref]))
    shared = {id(members): _shared(members, index) for members in party.values()}
    return [replace(one, mailboxes=shared[id(party[one.ref])] or one.mailboxes) for one in newcomers]


def _by_address(newcomers: Sequence[Newcomer]) -> dict[str, list[Newcomer]]:
    found: dict[str, list[Newcomer]] = {}
    for newcomer in newcomers:
        for mailbox in newcomer.mailboxes if is_whole(newcomer.name) else ():
            found.setdefault(mailbox, []).append(newcomer)
    return found


def _shared(members: Sequence[Newcomer], index: Index) -> tuple[str, ...]:
    """The addresses of a party; none where some of its names contradict, or it belongs to several leads already."""
    mailboxes = tuple(sorted({mailbox for one in members for mailbox in one.mailboxes}))
    if len({lead_id for mailbox in mailboxes for lead_id in index.by_mailbox.get(mailbox, ())}) > 1:
        return ()
    names = sorted({one.name for one in members})
    return () if any(names_agree(*pair) is Agreement.CONTRADICT for pair in combinations(names, 2)) else mailboxes


def _place(newcomer: Newcomer, index: Index, new_id: Callable[[Ref], str]) -> Placed:
    lead_id, evidence, reviews = _find(newcomer, index)
    is_new = lead_id is None
    chosen = new_id(newcomer.ref) if lead_id is None else lead_id
    role = _role(newcomer, chosen, index)
    if role is Role.TWIN:
        reviews = (*reviews, twin_review(newcomer.ref, chosen))
    _remember(newcomer, chosen, index)
    key = newcomer.key if evidence == "our key" else ""
    return Placed(Link(newcomer.ref, chosen, role, key=key), evidence, is_new, reviews)


def _role(newcomer: Newcomer, lead_id: str, index: Index) -> Role:
    if newcomer.purchased:
        return Role.QUARANTINED
    return Role.TWIN if (lead_id, newcomer.ref.account) in index.mains else Role.MAIN


def _find(newcomer: Newcomer, index: Index) -> tuple[str | None, str, tuple[Review, ...]]:
    if newcomer.key and newcomer.key in index.by_key:
        return index.by_key[newcomer.key], "our key", ()
    reviews: tuple[Review, ...] = ()
    if newcomer.lead_hint in index.leads:
        known = index.leads[newcomer.lead_hint]
        if not _contradicts(newcomer, known):
            return known.lead_id, "carries our lead id", ()
        reviews = (_hint_review(newcomer, known),)
    lead_id, evidence, by_address = _by_mailbox(newcomer, index)
    return lead_id, evidence, (*reviews, *by_address)


def _contradicts(newcomer: Newcomer, known: Known) -> bool:
    if known.agrees(newcomer.name) is Agreement.CONTRADICT:
        return True
    return bool(newcomer.mailboxes) and bool(known.mailboxes) and known.mailboxes.isdisjoint(newcomer.mailboxes)


def _by_mailbox(newcomer: Newcomer, index: Index) -> tuple[str | None, str, tuple[Review, ...]]:
    there = sorted({lead_id for mailbox in newcomer.mailboxes for lead_id in index.by_mailbox.get(mailbox, ())})
    if not there:
        return None, "first seen", ()
    agreements = {lead_id: index.leads[lead_id].agrees(newcomer.name) for lead_id in there}
    same_person = [lead_id for lead_id in there if agreements[lead_id] is Agreement.AGREE]
    possible = [lead_id for lead_id in there if agreements[lead_id] is Agreement.UNKNOWN]
    homes = same_person or (possible if possible == there else [])
    if len(homes) == 1:
        return homes[0], "same e-mail address", ()
    if len(elders := {index.elders.get(lead_id, lead_id) for lead_id in homes}) == 1:
        return elders.pop(), "same e-mail address as leads that were decided to be one person", ()
    kind = "ambiguous" if same_person or possible else "shared_address"
    return None, "first seen", (_address_review(kind, newcomer, there),)


def elders(oldest_first: Sequence[str], verdicts: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """Of every lead the oldest that people called the same person; a "different" among them makes all of them questions again."""
    groups = {lead_id: [lead_id] for lead_id in oldest_first}
    for (one, other), verdict in sorted(verdicts.items()):
        if verdict == "same" and groups[one] is not groups[other]:
            groups[one] += groups[other]
            groups.update(dict.fromkeys(groups[other], groups[one]))
    doubted = {id(groups[one]) for (one, other), verdict in verdicts.items() if verdict != "same" and groups[one] is groups[other]}
    ages = {lead_id: age for age, lead_id in enumerate(oldest_first)}
    return {lead_id: min(group, key=ages.__getitem__) for lead_id, group in groups.items() if id(group) not in doubted}


def _remember(newcomer: Newcomer, lead_id: str, index: Index) -> None:
    known = index.leads.get(lead_id)
    name = known.name if known is not None and any(known.name) else newcomer.name
    mailboxes = (known.mailboxes if known is not None else frozenset[str]()) | set(newcomer.mailboxes)
    also = (known.also if known is not None else frozenset[Name]()) | {newcomer.name}
    index.leads[lead_id] = Known(lead_id, name, mailboxes, also - {name, ("", "")})
    for mailbox in newcomer.mailboxes:
        index.by_mailbox.setdefault(mailbox, set()).add(lead_id)
    if not newcomer.purchased:
        index.mains.add((lead_id, newcomer.ref.account))


def twin_subject(ref: Ref) -> str:
    return f"twin:{ref.account}:{ref.object}:{ref.id}"


def twin_review(ref: Ref, lead_id: str) -> Review:
    """That an account has a second record of one person is told, and somebody may say that it is another one's."""
    question = f"{ref.object} {ref.id} is a second record of one person in {ref.account}. Merge them in the CRM, or say that they differ."
    return Review("twin", twin_subject(ref), question, lead_id, (ref,), choices=pair_choices(ref, [lead_id]))


def _hint_review(newcomer: Newcomer, known: Known) -> Review:
    ref = newcomer.ref
    question = f"{ref.account} {ref.object} {ref.id} carries the id of lead {known.lead_id} but another name or address. A cloned record?"
    return Review(
        "clone", f"clone:{ref.account}:{ref.object}:{ref.id}", question, known.lead_id, (ref,), choices=pair_choices(ref, [known.lead_id])
    )


def _address_review(kind: str, newcomer: Newcomer, lead_ids: Sequence[str]) -> Review:
    ref = newcomer.ref
    others = ", ".join(islice(lead_ids, 5))
    why = "other names" if kind == "shared_address" else "more than one possible person"
    question = f"{ref.account} {ref.object} {ref.id} shares an address with lead {others}, but with {why}. One person or several?"
    return Review(kind, f"{kind}:{ref.account}:{ref.object}:{ref.id}", question, lead_ids[0], (ref,), choices=pair_choices(ref, lead_ids))
