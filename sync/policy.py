"""Policy: how the fields of a lead behave between the accounts, and whose word counts where time does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from leads.model import OnBlank


@dataclass(frozen=True, slots=True)
class FieldPolicy:
    """How one field behaves between the accounts. `direction` is both, in (read only), out (ours) or off.

    `owner` is the account that wins where `winner` is owner; `blank` says what it means that a record's value was emptied.
    """

    winner: str
    direction: str = "both"
    owner: str = ""
    blank: str = OnBlank.CLEAR


ANY_NO = FieldPolicy("restrictive")


@dataclass(frozen=True, slots=True)
class Policy:
    """The constitution of a workspace: who wins, in which order the accounts are believed where time does not tell."""

    precedence: tuple[str, ...]
    fields: Mapping[str, FieldPolicy]
    flips: int = 3  # how often within a day a record may take back what we wrote before a person is asked

    def of(self, name: str) -> FieldPolicy:
        """How a field behaves; a no to a narrower purpose is in no settings and behaves like every no."""
        return self.fields.get(name, ANY_NO)

    def rank(self, account: str) -> int:
        return self.precedence.index(account) if account in self.precedence else len(self.precedence)
