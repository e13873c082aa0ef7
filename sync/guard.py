"""Guard: whether the planned writes of an account may go, and if not, why and how to go on.

Pure. A restriction goes even when another guard trips; only the first run of an account writes nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync.state import Section
from sync.workspace import Guards

Held = tuple[tuple[Section, ...], str]  # the sections that stay, and the sentence that says why


def guard(account: str, planned: Mapping[str, int], records: int, trusted: bool, guards: Guards) -> Sequence[Held]:
    """What of `planned` (section -> number of writes) is held back. `records` is how many records of the account are linked."""
    if guards.yes or not any(planned.values()):
        return ()
    if not trusted and guards.first_run == "plan":
        total = sum(planned.values())
        return (
            (
                tuple(Section),
                f"{account} was never written to with this mapping: {total} planned writes wait. "
                "Look at `leadloom plan`, then `leadloom apply` or `leadloom sync --yes`.",
            ),
        )
    restrictions = planned.get(Section.RESTRICT, 0)
    if restrictions > guards.restrictions or restrictions > max(1, guards.restrictions_share * records) > 20:
        return (
            (
                (Section.RESTRICT,),
                f"{restrictions} people in {account} would be opted out at once. The hub denies them from now on; "
                "the CRM follows with `leadloom sync --yes`.",
            ),
        )
    return ()
