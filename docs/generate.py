"""Writes the parts of the documentation that follow from the code, and tells whether they are current.

python docs/generate.py            write them
python docs/generate.py --check    only say which are out of date
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from cli import app
from commands.crossings import blanks, directions, winners
from commands.exits import MEANINGS
from commands.settings import ACCOUNTS, TABLES
from connectors import OBJECTS
from leads.model import FIELDS, Winner
from mappings.consents import PROFILING, ConsentSpec
from mappings.schema import ASKED_FOR, RowSpec, packaged, telling

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- Written by docs/generate.py from the code. Change the code, then run `make docs`. -->"


def pages() -> dict[Path, str]:
    """Every page that is generated, or that holds a generated table, as it should be."""
    made = {DOCS / "reference" / "commands.md": _commands(), DOCS / "reference" / "settings.md": _settings()}
    for crm in OBJECTS:
        page = DOCS / f"{crm}.md"
        made[page] = _with_fields(page.read_text(encoding="utf-8"), crm)
    rules = DOCS / "rules.md"
    made[rules] = _between(rules.read_text(encoding="utf-8"), "rules of fields", _constitution())
    return made


def _between(text: str, name: str, table: str) -> str:
    begin, end = f"<!-- {name}: generated -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{table}{end}{rest.partition(end)[2]}"


def _constitution() -> str:
    """Who wins each field and what an emptied one means, as it ships, and what may be chosen instead."""
    rows = []
    for name, spec in FIELDS.items():
        ways = ("out",) if spec.winner is Winner.OURS else ("both",)
        blank = blanks(name)[0] if len(blanks(name)) == 1 else spec.blank.value
        rows.append(
            (f"`{name}`", _chosen(ways[0], directions(name)), _chosen(spec.winner.value, winners(name)), _chosen(blank, blanks(name)))
        )
    return _table(("field", "direction", "winner", "blank"), rows)


def _chosen(usual: str, possible: tuple[str, ...]) -> str:
    others = [one for one in possible if one != usual]
    return f"**{usual}**" + (f", {', '.join(others)}" if others else "")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in cells)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _commands() -> str:
    group: Any = typer.main.get_command(app)
    sections = [text for name, command in group.commands.items() for text in _command(name, command)]
    codes = _table(("code", "meaning"), ((str(code.value), meaning) for code, meaning in MEANINGS.items()))
    return "\n".join(
        [
            f"{NOTE}\n\n# Commands\n",
            "`leadloom [--config FILE] COMMAND`. Settings come from `--config`, else from the file that LEADLOOM_CONFIG names, else from",
            "`leadloom.toml` in the current folder. With `--json` a command prints one JSON document to standard output and nothing else",
            "there; messages go to standard error.\n",
            f"## Exit codes\n\n{codes}",
            *sections,
        ]
    )


def _command(name: str, command: Any) -> Iterator[str]:
    if hasattr(command, "commands") and not command.invoke_without_command:
        yield f"## {name}\n\n{_paragraphs(command.help)}\n"
    else:
        yield _section(name, command)
    if hasattr(command, "commands"):
        for inner_name, inner in command.commands.items():
            yield from _command(f"{name} {inner_name}", inner)


def _section(name: str, command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and "--help" not in param.opts]
    usage = " ".join([f"leadloom {name}", *(["[OPTIONS]"] if options else []), *(_usage(argument) for argument in arguments)])
    rows = [(f"`{_usage(param)}`", param.help or "") for param in arguments] + [(_option(param), _option_help(param)) for param in options]
    return f"## {name}\n\n`{usage}`\n\n{_paragraphs(command.help)}\n" + (
        f"\n{_table(('argument or option', 'meaning'), rows)}" if rows else ""
    )


def _usage(argument: Any) -> str:
    name = (argument.metavar or argument.name).strip("[]").upper()
    return name if argument.required else f"[{name}]"


def _option(param: Any) -> str:
    value = "" if param.is_flag else f" {param.metavar or param.name.upper()}"
    return f"`{', '.join(sorted(param.opts, key=len, reverse=True))}{value}`"


def _option_help(param: Any) -> str:
    again = "; may be repeated" if param.multiple and "repeat" not in (param.help or "") else ""
    default = param.default.value if hasattr(param.default, "value") else param.default
    shown = f" (default {default})" if isinstance(default, (int, str)) and not isinstance(default, bool) and default not in ("", 0) else ""
    return f"{param.help or ''}{again}{shown}"


def _paragraphs(text: str | None) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", (text or "").strip())


def _settings() -> str:
    text = [
        f"{NOTE}\n\n# Settings\n",
        "One TOML file; `config.example.toml` shows every key in use. Each key may come from the environment instead, which wins over",
        "the file: `LEADLOOM__ACCOUNTS__HUBSPOT__TOKEN` sets `accounts.hubspot.token`; a list is written with commas. `${NAME}` is",
        "replaced by the variable of that name. Relative paths start at the folder of the file. Unknown keys are mistakes, and all",
        "mistakes are reported at once, before anything is contacted.\n",
    ]
    for table, models in TABLES.items():
        for model in models:
            crm = next((name for name, account in ACCOUNTS.items() if account is model), None)
            text.append(f"## [{table}]" + (f" of {crm}" if crm is not None else "") + "\n")
            rows = [
                (f"`{name}`", field.description or "", _default(field)) for name, field in model.model_fields.items() if name != "rules"
            ]
            text.append(_table(("key", "meaning", "default"), rows))
    return "\n".join(text)


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return "unset"
    return f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, tuple):
        return json.dumps(list(value), ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with_fields(text: str, crm: str) -> str:
    for object_name in OBJECTS[crm]:
        begin, end = f"<!-- fields of {object_name}: generated -->", f"<!-- end of {object_name} -->"
        rows = [_field(row) for row in telling(packaged(crm, object_name)).rows if row.lead != ""]
        rows += [_consent_field(spec) for spec in packaged(crm, object_name).consents]
        table = _table(("lead", f"{crm} {object_name}", "direction", "remarks"), rows)
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{table}{end}{after}"
    return text


def _consent_field(spec: ConsentSpec) -> tuple[str, str, str, str]:
    told = [f"`{value}` tells of a {kind}" if value != "*" else f"any value tells of a {kind}" for value, kind in spec.hears.items()]
    noes = [f"`{str(value).lower()}` is a no" for value in spec.denies]
    return (
        f"consent to {'being profiled' if spec.channel == PROFILING else spec.channel}",
        f"`{spec.remote}`",
        "read only" if spec.direction == "in" else "both ways",
        "; ".join(
            [
                *noes,
                *told,
                *(["only of records that show it"] if spec.shown_only else []),
                *(["asks whether to erase"] if spec.forgets else []),
            ]
        ),
    )


def _field(row: RowSpec) -> tuple[str, str, str, str]:
    ways = {"both": "both ways", "in": "read only", "out": "written only"}
    return f"`{row.lead}`", f"`{row.remote}`", ways[row.direction], "; ".join(_remarks(row))


def _remarks(row: RowSpec) -> Iterator[str]:
    if row.custom:
        yield "created by `leadloom setup`"
    if row.lead in ASKED_FOR:
        yield "only with `consent_fields = true`"
    slots = {"first": "the first", "rest": "those that have no field of their own", "all": "all of them", "any": "the first of any kind"}
    if row.slot != "":
        yield slots.get(row.slot, f"the {row.slot} one")
    if row.required is not None:
        yield f"`{row.required}` is written where the lead has none, and read as nothing"
    if row.convert == "view":
        yield "a coarser view; the exact value is in the custom field"
    if row.needs != "":
        yield f"only beside `{row.needs}`"
    if row.optional:
        yield "only where the account has it"
    if not row.clear:
        yield "never emptied"


def main(arguments: list[str]) -> int:
    stale = [page for page, text in pages().items() if not page.exists() or page.read_text(encoding="utf-8") != text]
    for page in stale:
        print(page.relative_to(DOCS.parent))
        if "--check" not in arguments:
            page.write_text(pages()[page], encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
