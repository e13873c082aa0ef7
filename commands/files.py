"""Files with personal data in them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from commands.exits import Stop


@contextmanager
def private_file(file: Path | None) -> Iterator[TextIO]:
    """A file to write, readable for its owner only where it is new; without a name: standard output."""
    if file is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise Stop(f"{file} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        yield out
