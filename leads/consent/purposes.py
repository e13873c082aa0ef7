"""Purposes: what may be asked for consent. A word outside of the tree would be kept and never match anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from leads.consent.event import ANY

TREE: Final = (
    "service",
    "marketing",
    "marketing.newsletter",
    "marketing.offers",
    "marketing.events",
    "marketing.similar_products",
    "marketing.cart_reminder",
    "marketing.survey",
    "marketing.sales_contact",
    "profiling",
    "profiling.scoring",
    "profiling.web_tracking",
    "sharing",
    "sharing.partners",
    "sharing.ads_audience",
)


@dataclass(frozen=True, slots=True)
class Purposes:
    """The tree, what the settings call lists and subscription types, and `marketing.ACCOUNT_…` for those they give no name."""

    named: frozenset[str] = frozenset()
    accounts: tuple[str, ...] = ()

    def wrong(self, purposes: Iterable[str]) -> list[str]:
        """A sentence for each that is no purpose."""
        return [f"There is no purpose {one}. {self._instead(one)}" for one in purposes if not self._is_known(one)]

    def _is_known(self, purpose: str) -> bool:
        return purpose in (ANY, *TREE) or purpose in self.named or purpose.startswith(tuple(f"marketing.{one}_" for one in self.accounts))

    def _instead(self, purpose: str) -> str:
        known = sorted({*TREE, *self.named})
        meant = [one for one in known if one.endswith(f".{purpose.lower()}")] or get_close_matches(purpose.lower(), known, n=1)
        return f"Did you mean {meant[0]}?" if meant else f"Known: {', '.join(known)}."
