"""Converters for values that are looked up: users, countries, languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leads.model import ABSENT, Value
from leads.normal import Refused
from leads.normal import country as country_code
from leads.normal import email as email_address
from leads.normal import language as language_tag
from mappings.values import UNCLEAR, Held, Json, Reading, Shown, Text, clean


@dataclass(frozen=True, slots=True)
class OwnerId(Reading):
    """A user of the CRM, known to us by e-mail.

    `emails` is id -> address of every user, `ids` address -> id of those who can be given records, `nobody` the ids of queues.
    The user we act as owns what nobody was given, unless `routed` says that leads are routed to it.
    """

    emails: Mapping[str, str]
    ids: Mapping[str, Json]
    nobody: frozenset[str] = frozenset()
    ourselves: str | None = None
    guarded: bool = False

    def read(self, theirs: Json, meant: Value) -> Value | Shown:
        text = clean(theirs)
        if text is None:
            return UNCLEAR
        if text == "" or text in self.nobody:
            return ABSENT
        found = self.emails.get(text)
        if found is None:
            return UNCLEAR
        return ABSENT if found == self.ourselves and meant != found else found

    def write(self, value: Value) -> Json | Held:
        found = self.ids.get(str(value).casefold())
        if found is None:
            return Held("no_owner", "No active user of this account has the owner's e-mail address.")
        return found


@dataclass(frozen=True, slots=True)
class EmailText(Reading):
    """One address in a text field."""

    guarded: bool = True

    def read(self, theirs: Json, _meant: Value) -> Value | Shown:
        text = clean(theirs)
        if text is None:
            return UNCLEAR
        if text == "":
            return ABSENT
        found = email_address(text)
        return UNCLEAR if isinstance(found, Refused) else found.norm

    def write(self, value: Value) -> Json | Held:
        found = email_address(str(value))
        return Held("invalid_email", "The value is not an e-mail address.") if isinstance(found, Refused) else found.norm


# Places and languages


@dataclass(frozen=True, slots=True)
class Country(Reading):
    """An ISO code of ours; theirs may be any name of the country. A name that nobody knows travels as it is."""

    text: Text = field(default_factory=Text)
    values: Mapping[str, Json] = field(default_factory=dict)  # ISO code or folded name -> choice, where the field is a list
    labels: Mapping[str, str] = field(default_factory=dict)
    restricted: bool = False
    guarded: bool = False

    def read(self, theirs: Json, meant: Value) -> Value | Shown:
        shown = clean(theirs)
        if shown is None:
            return UNCLEAR
        code = country_code(self.labels.get(shown, shown))
        return self.text.read(theirs, meant) if isinstance(code, Refused) else code

    def write(self, value: Value) -> Json | Held:
        text = str(value)
        for spelling in (text, text.casefold()):
            if spelling in self.values:
                return self.values[spelling]
        return Held("not_an_option", "The field's list of countries lacks this one.") if self.restricted else self.text.write(value)


@dataclass(frozen=True, slots=True)
class Language(Reading):
    """A language tag of ours; what nobody knows travels as it is."""

    text: Text = field(default_factory=Text)
    guarded: bool = False

    def read(self, theirs: Json, meant: Value) -> Value | Shown:
        shown = clean(theirs)
        if shown is None:
            return UNCLEAR
        tag = language_tag(shown)
        return self.text.read(theirs, meant) if isinstance(tag, Refused) else tag

    def write(self, value: Value) -> Json | Held:
        return self.text.write(value)
