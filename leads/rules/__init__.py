"""The rule files that ship: a start that works for many business-to-business teams, to be copied and changed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """`scoring` or `routing`."""
    return files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
