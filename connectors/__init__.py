"""Opening accounts: which CRMs there are, and one connector for one account.

A vendor's module is imported when an account of it is opened, for the vendors' libraries are slow to load.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from connectors.errors import Misconfigured

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

    from connectors.base import Connector

CRMS: Final = ("hubspot", "salesforce", "pipedrive", "activecampaign")
OBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "hubspot": ("contacts",),
    "salesforce": ("Lead", "Contact"),
    "pipedrive": ("persons",),
    "activecampaign": ("contacts",),
}


class Hidden(Protocol):
    """A secret that shows itself only when asked (pydantic's SecretStr is one)."""

    def get_secret_value(self) -> str: ...


@dataclass(frozen=True)
class Access:
    """What is needed to reach one account. Secrets never show in its repr."""

    account: str
    crm: str
    base_url: str | None = None
    secrets: Mapping[str, str | Hidden] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def secret(self, name: str) -> str | None:
        """The secret's text, or None where it was not given."""
        value = self.secrets.get(name)
        if value is None or isinstance(value, str):
            return value
        return value.get_secret_value()

    def needed(self, name: str) -> str:
        """A secret or an option that the account cannot do without."""
        value = self.secret(name)
        if value is None and name in self.options:
            value = str(self.options[name])
        if value is None or value == "":
            raise Misconfigured(
                f"no {name} is given for this {self.crm} account.",
                account=self.account,
                cause="missing_credentials",
                fix=f"Set {name} under [accounts.{self.account}].",
            )
        return value


def connect(
    access: Access,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    adapter: BaseAdapter | None = None,
    pacing: bool = True,
) -> Connector:
    """The connector of one account; nothing is sent yet.

    `clock` and `sleep` move together, so that a test can let time pass. `adapter` replaces the network.
    """
    if access.crm not in CRMS:
        raise Misconfigured(
            f"there is no connector for {access.crm!r}.",
            account=access.account,
            cause="unknown_crm",
            fix=f"Use one of {', '.join(CRMS)}.",
        )
    module = import_module(f"connectors.{access.crm}")
    return cast("Connector", module.connect(access, clock=clock, sleep=sleep, adapter=adapter, pacing=pacing))
