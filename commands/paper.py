"""Pages to print: any document as headings, lists and tables, with nothing in it that a browser would run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

STYLE = (
    "body{font:11pt/1.4 sans-serif;margin:2cm}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #999;padding:2pt 6pt;text-align:left;vertical-align:top}"
    "dt{font-weight:bold}section{break-inside:avoid}"
)


def sheet(title: str, sections: Iterable[tuple[str, str]]) -> str:
    """A page of sections: each a heading, or none, and what stands below it."""
    parts = "".join(f"<section>{f'<h2>{text(heading)}</h2>' if heading else ''}{content}</section>" for heading, content in sections)
    head = f'<meta charset="utf-8"><title>{text(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en">{head}<h1>{text(title)}</h1>{parts}</html>\n'


def value(part: Any) -> str:
    """A value as it prints: names with what they stand for, rows as a table, anything else as text."""
    if isinstance(part, Mapping):
        return "<dl>" + "".join(f"<dt>{label(name)}</dt><dd>{value(one)}</dd>" for name, one in part.items()) + "</dl>"
    if isinstance(part, list | tuple) and part and all(isinstance(row, Mapping) for row in part):
        columns = list(dict.fromkeys(name for row in part for name in row))
        return table(columns, ([row.get(name) for name in columns] for row in part))
    return ", ".join(map(text, part)) or text(None) if isinstance(part, list | tuple) else text(part)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = "".join(f"<tr>{''.join(f'<td>{value(one)}</td>' for one in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{label(name)}' for name in columns)}</tr>{lines}</table>"


def label(name: str) -> str:
    return text(name.replace("_", " "))


def text(part: Any) -> str:
    if isinstance(part, bool):
        return "yes" if part else "no"
    return "–" if part is None or part == "" else escape(str(part))
