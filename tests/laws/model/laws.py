"""What must hold in every world once it has fallen quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.laws.model import rules
from tests.laws.model.crm import Typed
from tests.laws.model.hub import items, score
from tests.laws.model.memory import FIELDS, Lead

if TYPE_CHECKING:
    from tests.laws.model.worlds import World


class Broken(AssertionError):
    """A law does not hold."""


def check(world: World) -> None:
    for law in (
        nothing_typed_lost,
        addresses_stay,
        no_consent_loosened,
        lead_shown_everywhere,
        undone_stays_undone,
        derived_is_current,
        last_word_counts,
    ):
        law(world)


def demand(holds: bool, message: str) -> None:
    if not holds:
        raise Broken(message)


def nothing_typed_lost(world: World) -> None:
    notes = {(n.account, n.record, n.column, n.shown) for n in world.hub.history}
    for crm in world.crms.values():
        for typed in crm.typed:
            world.counts["typed"] += 1
            if not typed.exposed:
                world.counts["overwritten unread"] += typed.gone == "hub"
                continue
            known = (typed.account, typed.record, typed.column, typed.shown) in notes or agreed(world, typed)
            demand(known, f"lost: {typed}")


def agreed(world: World, typed: Typed) -> bool:
    """A person typed what we had written or agreed on before."""
    link = world.hub.links.get(f"{typed.account}/{typed.record}")
    if link is None:
        return world.crms[typed.account].records[typed.record].ending != ""
    if any(pair.seen == typed.shown and link.columns[name] == typed.column for name, pair in link.pairs.items()):
        return True
    entries = [e for e in world.hub.journal if e.record == typed.record and e.account == typed.account]
    known = [pair.seen for e in entries for pair in e.settled.values()] + [cell.before.seen for e in entries for cell in e.cells.values()]
    return typed.shown in known


def addresses_stay(world: World) -> None:
    """An address leaves a lead only where somebody took it away."""
    known = {address for lead in world.hub.leads.values() for address in items(lead.fields["emails"].value)}
    for crm in world.crms.values():
        for typed in crm.typed:
            if typed.column == "emails" and typed.exposed and crm.records[typed.record].ending == "":
                gone = set(items(crm.dialect.forms["emails"].parse(typed.shown, None))) - known - world.taken_away
                demand(not gone, f"gone: {gone} of {typed}")


def no_consent_loosened(world: World) -> None:
    denied = world.hub.denied
    demand(world.expected_denied <= denied, f"a no was not heard: {world.expected_denied - denied}")
    spoken = {address for record in world.flagged for address in record.ever}
    demand(denied <= spoken, f"nobody said no for {denied - spoken}")
    for link in world.hub.links.values():
        if link.state not in ("active", "dormant"):
            continue
        crm = world.crms[link.account]
        record = crm.records[link.record]
        shown = set(crm.addresses(record)) & denied
        demand(record.ending != "" or not shown or crm.restricted(record), f"{link.name} shows {shown}")


def lead_shown_everywhere(world: World) -> None:
    for link in world.hub.links.values():
        if link.state != "active" or link.role != "main":
            continue
        lead, record = world.hub.leads[link.lead], world.crms[link.account].records[link.record]
        for name in set(FIELDS) - set(lead.parked):
            pair, golden, form = link.pairs[name], lead.fields[name].value, world.hub.form(link.account, name)
            shown = record.shown[link.columns[name]]
            demand(pair.seen == shown, f"{link.name} {name}: the base says {pair.seen!r}, the CRM shows {shown!r}")
            if rules.held(golden, pair):
                world.counts["held"] += 1
                continue
            sent = form.show(golden, shown)
            demand(
                sent == shown or form.explains(sent, shown) or form.parse(shown, golden) == golden,
                f"{link.name} {name}: shows {shown!r} for {golden!r}",
            )


def undone_stays_undone(world: World) -> None:
    """Without an edit since, on either side, no write of ours touches what was undone."""
    for undone in world.undone:
        link, golden = undone.link, world.hub.leads[undone.link.lead].fields[undone.name]
        crm = world.crms[link.account]
        edited = any(typed.record == link.record and typed.at > undone.at for typed in crm.typed)
        if link.state == "active" and link.role == "main" and golden == undone.golden and not edited:
            world.counts["undone in the end"] += 1
            writer, at = crm.records[link.record].writer.get(link.columns[undone.name], ("", 0.0))
            demand(writer != "hub" or at <= undone.at, f"{link.name} {undone.name}: undone, and written again")


def derived_is_current(world: World) -> None:
    for lead in world.hub.leads.values():
        demand(bool(lead.into) or lead.fields["score"].value == score(lead, world.time)[0], f"{lead.id}: score is stale")


def last_word_counts(world: World) -> None:
    """The only edit of a field since the last two complete runs, not overwritten unread, is what the lead says in the end."""
    for lead in world.hub.leads.values():
        for name in ("name", "title", "phone", "stage", "owner"):
            typed = last_word(world, lead, name)
            if typed is not None:
                form, golden = world.hub.form(typed.account, name), lead.fields[name].value
                world.counts["last words"] += 1
                if form.parse(typed.shown, golden) != golden and form.show(golden, typed.shown) != typed.shown:
                    world.counts["last words lost"] += 1
                    demand(not world.crms[typed.account].dialect.knows_author, f"{lead.id} {name} is {golden!r}, the last word was {typed}")


def last_word(world: World, lead: Lead, name: str) -> Typed | None:
    merged = any(other.into == lead.id for other in world.hub.leads.values())
    links = [link for link in world.hub.links.values() if link.lead == lead.id]
    ended = {k.name for k in links if world.crms[k.account].records[k.record].ending}
    merged = merged or any(world.crms[k.account].records[k.record].ending == "merged" for k in links)  # a merge edits the survivor
    typed = [t for k in links for t in world.crms[k.account].typed if t.record == k.record and t.column == k.columns[name]]
    if not typed or lead.into or merged or name in lead.parked:
        return None
    *earlier, last = sorted(typed, key=lambda t: t.at)
    before = ([0.0, 0.0] + [start for start, end in world.finished if end < last.at])[-2]
    alone = all(t.at < before for t in earlier) and world.touched.get((lead.id, name), 0.0) < before
    mapped = not any(note.cause == "mapping changed" and note.column.startswith(name) for note in world.hub.history)
    return last if alone and mapped and last.exposed and f"{last.account}/{last.record}" not in ended and last.gone in ("", "hub") else None
