"""Creating: where a lead is to be created, and what keeps it from being created there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from leads.identity import usable_mailbox
from leads.model import ABSENT, Items
from leads.normal import Refused
from leads.predicates import facts
from sync.merging import SPLIT_OFF
from sync.plan import Place, address
from sync.state import RELEASED, LeadState, Link, LinkState, Ref, digest
from sync.workspace import Door

Holders = Mapping[str, Sequence[tuple[Ref, str]]]  # the records that have an address, with their leads


def places(
    lead: LeadState,
    links: Iterable[Link],
    doors: Iterable[Door],
    creating: Collection[str],
    holders: Holders,
    secret: str,
    regrouped: int = 0,
) -> list[Place]:
    """The accounts in whose scope the lead is and where it has no record, with why none can be created.

    `creating` are the accounts where a create of it is under way. The key of a create is a digest: plan and apply name the same one.
    Records that a merge or a split gave to another lead keep theirs, so that a lead has other keys after each: `regrouped` counts them.
    """
    found: list[Place] = []
    known_links = list(links)
    ended = {link.ref for link in known_links if link.state is LinkState.ENDED and link.ending.endswith(":recreate")}
    linked = {link.ref.account for link in known_links if link.ref not in ended and link.ending != RELEASED}
    asked = {link.ref.account for link in known_links if link.ending == SPLIT_OFF}  # somebody wants a merged record back
    known = facts(lead.fields)
    for door in doors:
        scope = door.account.scope
        inside = door.name in asked or (scope.create and scope.when(known))
        if not inside or door.name in linked or door.name in creating:
            continue
        object, dialect = next(iter(door.objects()))
        unique = door.connector.capabilities.unique_email
        again = sum(ref.account == door.name for ref in ended)
        times = ([str(again)] if again else []) + ([f"regrouped {regrouped}"] if regrouped else [])
        key = "lk_" + digest(secret, "create", lead.id, door.name, *times)
        wanted = door.name in asked
        others = {} if wanted and not unique else holders
        found.append(Place(door.name, object, dialect, key, _blocked(lead, door.name, others), wanted))
    return found


def doubtful(
    creates: Iterable[tuple[int, str, str]], doubts: Mapping[str, Collection[str]], there: Mapping[str, Collection[str]]
) -> dict[int, str]:
    """Of `creates` (number, account, lead; the oldest lead first) those of a lead that may be another which is there, and that other.

    `doubts` are the leads of which nobody has said yet whether they are one person, `there` the leads that an account has a record of.
    Of two that are nowhere yet, the older one is created.
    """
    known = {account: set(leads) for account, leads in there.items()}
    found: dict[int, str] = {}
    for number, account, lead in creates:
        here = known.setdefault(account, set())
        other = min((one for one in doubts.get(lead, ()) if one in here), default="")
        if other == "":
            here.add(lead)
        else:
            found[number] = other
    return found


def _blocked(lead: LeadState, account: str, holders: Holders) -> tuple[str, str, str] | None:
    value = lead.fields.get("emails", ABSENT)
    items: Items = value if isinstance(value, tuple) else ()
    if all(isinstance(usable_mailbox(item.key), Refused) for item in items):
        return (
            "no_clean_address",
            f"Lead {lead.id} was not created: it has no e-mail address of its own to be recognised by, and would be doubled one day.",
            "Add a personal e-mail address to the lead in any CRM, or create the record by hand.",
        )
    for item in items:
        for ref, holder in holders.get(address("emails", item.key), []):
            if ref.account == account and holder != lead.id:
                return (
                    "address_taken",
                    f"Lead {lead.id} was not created: {ref.object} {ref.id} of another lead has one of its addresses.",
                    "If both are one person, merge them in the CRM; else give one of them an address of its own.",
                )
    return None
