"""Receipts: what a person gets to keep of their consent, signed, so that a copy that comes back can be told from one that was changed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

from leads.consent.event import canonical

ALGORITHM: Final = "HMAC-SHA256"
CONTEXT: Final = b"receipt-v1\0"  # the secret signs nothing else under this name
PRINCIPAL: Final = b"principal-v1\0"


def signed(receipt: Mapping[str, Any], secret: bytes) -> dict[str, Any]:
    """The receipt with its signature."""
    return {"receipt": dict(receipt), "signature": {"algorithm": ALGORITHM, "value": _signature(receipt, secret)}}


def is_genuine(document: Any, secret: bytes) -> bool:
    """Whether this secret signed the receipt as it stands there; anything that is no signed receipt is not genuine."""
    if not isinstance(document, Mapping) or not isinstance(document.get("receipt"), Mapping):
        return False
    signature = document.get("signature")
    value = signature.get("value") if isinstance(signature, Mapping) else None
    return isinstance(value, str) and hmac.compare_digest(value.encode(), _signature(document["receipt"], secret).encode())


def principal(identifier: str, secret: bytes) -> str:
    """What stands for an address in a record that is handed on: always the same, and nobody else can tell whose it is."""
    return hmac.new(secret, PRINCIPAL + identifier.encode(), hashlib.sha256).hexdigest()


def _signature(receipt: Mapping[str, Any], secret: bytes) -> str:
    return hmac.new(secret, CONTEXT + canonical(receipt).encode(), hashlib.sha256).hexdigest()
