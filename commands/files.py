"""Files with personal data in them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from commands.exits import Stop


@contextmanager
def private_file(file: Path | None) -> Iterator[TextIO]:
    """A file to write, readable for its owner only; it appears once it is whole. Without a name: standard output."""
    if file is None:
        yield sys.stdout
        return
    try:
        if file.exists() and not file.is_file():
            with file.open("w", encoding="utf-8", newline="") as out:  # a pipe or a device takes what comes
                yield out
            return
        with _replaced(file.resolve()) as out:
            yield out
    except OSError as error:
        raise Stop(f"{file} cannot be written: {error.strerror}.") from None


@contextmanager
def _replaced(file: Path) -> Iterator[TextIO]:
    descriptor, beside = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # made with rights 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
            yield out
        Path(beside).replace(file)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
