"""Records that are not shown any more: how many may vanish at once before it is taken for a lost right."""

from __future__ import annotations

from typing import Final

from connectors.errors import AccountStopped

DEFAULT_CAP: Final = 0.1
ALWAYS_ALLOWED: Final = 20  # in a small account a few deletions are a large share


def check_disappearance(account: str, absent: int, known: int, cap: float | None) -> None:
    """Stop where more than the share `cap` of `known` records is absent. None: any number may be."""
    if cap is None or absent <= max(ALWAYS_ALLOWED, cap * known):
        return
    raise AccountStopped(
        f"{absent:,} of {known:,} known records are not shown any more.",
        account=account,
        cause="mass_disappearance",
        fix="Check what the token's user may see; if the records were deleted on purpose, allow it and run again.",
    )
