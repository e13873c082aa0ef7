"""Why two are one person, and why they are still apart: the evidence in words and bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from store.unit import Unit
    from sync.matching import Near
    from sync.state import Base, Link, Ref

SHOWN: Final = 5
Dict = dict[str, Any]
Meanings = Mapping[tuple[str, str], Mapping[str, str]]  # of an object of an account: what each of its fields means


def between(unit: Unit, lead_ids: Sequence[str]) -> Dict | None:
    """The evidence of two leads; None for fewer or more of them."""
    from sync.matching import evidence_between

    found = evidence_between(unit, *lead_ids) if len(lead_ids) == 2 else None
    return None if found is None else _document(found)


def still_apart(unit: Unit, lead_id: str) -> list[Dict]:
    """The leads that come nearest to being the same person, and why they are not."""
    from sync.matching import neighbours

    return [{"lead_id": one.lead_id, **_document(one)} for one in neighbours(unit, lead_id, SHOWN)]


def _document(found: Near) -> Dict:
    parts = [{"says": says, "bits": round(bits, 1)} for says, bits in found.parts if abs(bits) >= 0.05]
    return {"bits": round(found.bits, 1), "outcome": found.outcome, "evidence": parts}


def of_records(unit: Unit, links: Sequence[tuple[Link, Base]], meanings: Meanings) -> dict[Ref, Dict]:
    """Of every record but the first of a lead: what speaks for it being the person of the first, by what both showed last."""
    from leads.matching.live import Likeness, compare
    from leads.matching.of_leads import likeness_of
    from leads.matching.reading.reader import Reader
    from leads.matching.scoring import shipped

    told = [(link, cells) for link, base in links if (cells := _cells(link, base, meanings, unit))]
    if len(told) < 2:
        return {}
    reader = Reader()
    likenesses: list[Likeness] = [likeness_of([cells], [link.ref.account], reader) for link, cells in told]
    pairs = [(likenesses[0], other) for other in likenesses[1:]]
    compared = compare(pairs, unit.counts_for(likenesses), shipped())
    return {
        link.ref: {
            "with": ":".join(told[0][0].ref),
            "bits": round(compared.bits[at], 1),
            "evidence": [{"says": says, "bits": round(bits, 1)} for says, bits in compared.parts(at, shipped()) if abs(bits) >= 0.05],
        }
        for at, (link, _) in enumerate(told[1:])
    }


def _cells(link: Link, base: Base, meanings: Meanings, unit: Unit) -> dict[str, str]:
    """What a record showed last, in the words of the lead."""
    from leads.matching.of_leads import CELLS

    means = meanings.get((link.ref.account, link.ref.object), {})
    shown = {means[id]: pair.seen for id, pair in base.pairs.items() if id in means and isinstance(pair.seen, str) and pair.seen != ""}
    cells = {CELLS[name]: text for name, text in shown.items() if name in CELLS}
    addresses = sorted(unit.addresses_shown([link.ref]).get(link.ref, ()))
    for columns, kind in ((("email", "email2"), "email:"), (("phone", "mobile"), "phone:")):
        cells |= dict(zip(columns, (one.removeprefix(kind) for one in addresses if one.startswith(kind)), strict=False))
    return cells
