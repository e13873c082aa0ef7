"""The list of erased people outside the store: a key file and an append-only list, both private to their owner.

The list lies beside the store and not only in it, because a backup of the store that is older than an erasure knows nothing of it.
The key lies apart from the hashes that it made.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from leads.suppression import Key, Suppressed
from store.database import StoreError

SECRET_BYTES = 32


class SuppressionFiles:
    """`key_file` holds one `ID HEX` a line, the newest last; `list_file` one JSON object a line."""

    def __init__(self, key_file: Path, list_file: Path) -> None:
        self._key_file = key_file
        self._list_file = list_file

    def keys(self) -> Sequence[Key]:
        """All keys, the newest last; none before the first erasure. Raises `StoreError` if a line is no key."""
        if not self._key_file.exists():
            if self._list_file.exists():
                raise StoreError(
                    f"The list of erased people {self._list_file} is there, but its key {self._key_file} is not: nobody on it would be "
                    "recognised. Put the key back, or set [privacy] key_file."
                )
            return ()
        return [self._key(line) for line in self._key_file.read_text("ascii").splitlines() if line.strip() != ""]

    def key(self) -> Key:
        """The newest key; the first one is made when it is asked for."""
        known = self.keys()
        return known[-1] if known else self._new_key()

    def entries(self) -> Sequence[Suppressed]:
        if not self._list_file.exists():
            return ()
        return [self._entry(line) for line in self._list_file.read_text("utf-8").splitlines() if line.strip() != ""]

    def keep(self, entries: Iterable[Suppressed]) -> None:
        """Append to the list, and return only when it is on the disk."""
        known = {entry.seal for entry in self.entries()}
        lines = [json.dumps(_document(entry)) + "\n" for entry in entries if entry.seal not in known]
        _append(self._list_file, "".join(lines))

    def _new_key(self) -> Key:
        key = Key("k1", secrets.token_bytes(SECRET_BYTES))
        _append(self._key_file, f"{key.id} {key.secret.hex()}\n")
        return key

    def _key(self, line: str) -> Key:
        id, _, digits = line.strip().partition(" ")
        try:
            secret = bytes.fromhex(digits)
        except ValueError:
            secret = b""
        if len(secret) != SECRET_BYTES:
            raise StoreError(f"{self._key_file} holds a line that is no key. Expected: a name, a blank, {2 * SECRET_BYTES} hex digits.")
        return Key(id, secret)

    def _entry(self, line: str) -> Suppressed:
        try:
            row = json.loads(line)
            return Suppressed(row["seal"], row["key"], row["kind"], datetime.fromisoformat(row["since"]), row["reason"])
        except (ValueError, KeyError, TypeError):
            raise StoreError(f"{self._list_file} holds a line that Leadloom did not write. Restore the file from a backup.") from None


def _document(entry: Suppressed) -> dict[str, str]:
    since = entry.since.astimezone(UTC).isoformat(timespec="seconds")
    return {"seal": entry.seal, "key": entry.key_id, "kind": entry.kind, "since": since, "reason": entry.reason}


def _append(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}. Nothing was erased.") from None
