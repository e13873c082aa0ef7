"""From a file and the environment to `Settings`, or to a list of everything that is wrong with them."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource

from commands import crossings
from commands.checks import nearest
from commands.settings import ACCOUNTS, PREFIX, TABLES, Settings, Table

FILE = "leadloom.toml"
Key = tuple[str, ...]
Found = tuple[Key, str]


@dataclass(frozen=True, slots=True)
class Mistake:
    where: str  # the file, or the variable of the environment
    key: str
    what: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.what) if part != "")


class SettingsWrong(Exception):
    """The settings cannot be used. Carries every mistake that was found."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


def settings_path(given: Path | None) -> Path:
    """`--config`, else LEADLOOM_CONFIG, else leadloom.toml in this folder."""
    return given if given is not None else Path(os.environ.get("LEADLOOM_CONFIG") or FILE)


def read_settings(path: Path) -> Settings:
    """Raises `SettingsWrong` with all mistakes; contacts nothing."""
    variables = _variables()
    missing: dict[Key, str] = {}
    filled = _filled(_toml(path), (), missing)
    everything = _laid_over(filled, EnvSettingsSource(Settings)())
    found = [*missing.items(), *_strangers(variables)]
    settings = None
    try:
        settings = Settings(**everything)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        wrong_items = {each["loc"][:-1] for each in errors if isinstance(each["loc"][-1], int)}
        found += _news(found, [_sentence(each) for each in errors if each["loc"] not in wrong_items])
    folder = path.resolve().parent
    found += _news(found, crossings.mistakes(everything, folder))
    if settings is None or len(found) > 0:
        raise SettingsWrong([Mistake(_origin(key, variables, path), ".".join(key), what) for key, what in sorted(found)])
    in_order = {name: settings.accounts[name] for name in everything["accounts"]}  # the file's first: their order is their precedence
    return _anchored(settings.model_copy(update={"accounts": in_order}), folder)


def _news(known: Sequence[Found], more: Iterable[Found]) -> list[Found]:
    """A key that is wrong in one way is not reported for what follows from it."""
    keys = {key for key, _ in known}
    return [(key, what) for key, what in more if key not in keys]


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fix = "there is no such file. Write one with `leadloom init`, or name yours with --config or LEADLOOM_CONFIG"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fix = f"this is not TOML: {error}"
    except OSError as error:
        fix = f"this file cannot be read: {error.strerror}"
    raise SettingsWrong([Mistake(str(path), "", fix)])


def _filled(value: Any, key: Key, missing: dict[Key, str]) -> Any:
    """`${NAME}` becomes the variable of that name. What is missing is noted and left as it is."""
    if isinstance(value, dict):
        return {name: _filled(inner, (*key, name), missing) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, key, missing) for inner in value]
    if not isinstance(value, str):
        return value
    for name in re.findall(r"\$\{(\w+)\}", value):
        if name not in os.environ:
            missing[key] = f"the environment variable {name} is not set"
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], match[0]), value)


def _variables() -> dict[Key, str]:
    """Our variables of the environment, by the key that they set."""
    ours = (name for name in os.environ if name.upper().startswith(PREFIX))
    return {tuple(name[len(PREFIX) :].lower().split("__")): name for name in ours}


def _strangers(variables: Mapping[Key, str]) -> Iterator[Found]:
    """pydantic-settings overlooks a variable whose first word is no table; we do not."""
    for key in variables:
        if key[0] not in Settings.model_fields:
            yield key, f"no such table. {nearest(key[0], list(Settings.model_fields))}".rstrip()


def _laid_over(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{name: _laid_over(below.get(name), value) for name, value in above.items()}}


def _origin(key: Key, variables: Mapping[Key, str], path: Path) -> str:
    return next(
        (name for set_here, name in variables.items() if set_here[: len(key)] == key or key[: len(set_here)] == set_here), path.name
    )


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Relative paths are meant from the folder of the file, not from where the command was typed."""
    url = settings.store.url
    if url.startswith("sqlite:///"):
        url = f"sqlite:///{folder / url.removeprefix('sqlite:///')}"
    return settings.model_copy(
        update={
            "store": settings.store.model_copy(update={"url": url}),
            "scoring": _at(folder, settings.scoring, "file"),
            "routing": _at(folder, settings.routing, "file"),
            "privacy": _at(folder, _at(folder, settings.privacy, "key_file"), "list_file"),
            "accounts": {name: _at(folder, account, "private_key_file") for name, account in settings.accounts.items()},
        }
    )


def _at(folder: Path, table: Table, key: str) -> Table:
    path = getattr(table, key, None)
    return table if path is None else table.model_copy(update={key: folder / path})


def _sentence(error: ErrorDetails) -> Found:
    """What pydantic found, as a key and a sentence. Never shows a value: it might be a secret."""
    key, kind, context = _key(error["loc"]), error["type"], error.get("ctx", {})
    match kind:
        case "leadloom":
            return key, context["what"]
        case "missing":
            return key, f"is missing: {_description(key)}".removesuffix(": ")
        case "extra_forbidden":
            return key, f"no such key. {nearest(key[-1], _known(key[:-1], error['loc']))}".rstrip()
        case "union_tag_not_found":
            return (*key, "crm"), f"is missing: expected one of {', '.join(ACCOUNTS)}"
        case "union_tag_invalid":
            return (*key, "crm"), f"expected one of {', '.join(ACCOUNTS)}. {nearest(str(context['tag']), list(ACCOUNTS))}".rstrip()
        case "literal_error":
            return key, f"expected {context['expected']}{_meant(error['input'], context['expected'])}"
        case _:
            return key, EXPECTED.get(kind, error["msg"])


EXPECTED: Mapping[str, str] = {
    "string_type": "expected a text",
    "string_too_short": "is empty",
    "too_short": "expected at least one",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "tuple_type": "expected a list",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "path_type": "expected the path of a file",
}


def _key(loc: tuple[int | str, ...]) -> Key:
    """pydantic puts the kind of account, `rules` and `[key]` into its places; a reader of the file knows none of them."""
    key = [part for part in loc if isinstance(part, str) and part != "[key]"]
    if key[0] == "accounts" and len(key) > 2 and key[2] in ACCOUNTS:
        del key[2]
    if key[:2] == ["fields", "rules"]:
        del key[1]
    return tuple(key)


def _known(above: Key, loc: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand in the table `above`."""
    if above == ():
        return list(Settings.model_fields)
    if above[0] == "accounts":
        return list(ACCOUNTS[str(loc[2])].model_fields)
    return [name for model in _models(above) for name in model.model_fields if name != "rules"]


def _models(table: Key) -> tuple[type[BaseModel], ...]:
    if table != () and table[0] == "mappings":
        return TABLES["mappings.NAME.OBJECT.FIELD"]
    return TABLES.get(".".join(table)) or TABLES.get(f"{table[0]}.NAME", ()) if table != () else ()


def _description(key: Key) -> str:
    fields = [model.model_fields[key[-1]] for model in _models(key[:-1]) if key[-1] in model.model_fields]
    if key == ("accounts",):
        return "connect a CRM with a table such as [accounts.hubspot]"
    return fields[0].description or "" if len(fields) > 0 else ""


def _meant(given: object, expected: str) -> str:
    close = get_close_matches(str(given), re.findall(r"'([^']*)'", expected), n=1)
    return f'. Did you mean "{close[0]}"?' if close else ""
