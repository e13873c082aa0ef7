"""Normal forms: how two spellings of one value become the same value.

Every function takes the text a person or a CRM wrote and returns its normal form, or `Refused` with the reason. Nothing is guessed: what
is not certain stays as it was typed. All of them are pure and remember what they have seen.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final
from urllib.parse import urlsplit

from leads.model import Item
from leads.tables import table

REMEMBER: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str


@dataclass(frozen=True, slots=True)
class Email:
    """`norm` is what is written and compared; `mailbox` is where it arrives (no plus tag, no gmail dots)."""

    norm: str
    mailbox: str

    @property
    def domain(self) -> str:
        return self.norm.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Phone:
    e164: str
    ext: str = ""
    kind: str = "other"  # mobile, fixed or other

    def __str__(self) -> str:
        return self.e164 if self.ext == "" else f"{self.e164} ext. {self.ext}"


@dataclass(frozen=True, slots=True)
class PersonName:
    first: str
    last: str
    salutation: str = ""


EMPTY: Final = Refused("is empty")


# Text


def fold(text: str) -> str:
    """NFC, no invisible signs, single blanks, none at the ends."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return text if text.isprintable() else " ".join(unicodedata.normalize("NFC", "".join(filter(_is_visible, text))).split())


def _is_visible(sign: str) -> bool:
    # Joiners stay: they carry meaning in Persian, Indic scripts and emoji.
    return sign.isprintable() or sign in "\u200c\u200d"


_ASCII: Final = {sign: " and " if chr(sign) in "&+" else " " for sign in range(128) if not chr(sign).isalnum()}


@lru_cache(REMEMBER)
def plain(text: str) -> str:
    """For look-ups only: lower case, no accents, every sign that is neither letter nor digit a blank."""
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    text = unicodedata.normalize("NFKD", text.casefold()).replace("&", " and ").replace("+", " and ")
    text = "".join(sign if sign.isalnum() else " " for sign in text if unicodedata.combining(sign) == 0)
    return " ".join(text.split())


# E-mail

_ORDINARY: Final = re.compile(r"[a-z0-9_+]+(?:[.-][a-z0-9_+]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}")
_RESERVED: Final = (".test", ".invalid", ".local", ".localhost", ".onion", ".arpa")
_GMAIL: Final = ("gmail.com", "googlemail.com")


@lru_cache(REMEMBER)
def email(text: str) -> Email | Refused:
    bare = _unwrapped(fold(text))
    if bare == "":
        return EMPTY
    if bare.count("@") != 1:
        return Refused("is more than one address" if bare.count("@") > 1 else "has no @")
    norm = bare.lower()
    if not _is_ordinary(norm):
        checked = _checked(norm)
        if isinstance(checked, Refused):
            return checked
        norm = checked
    return Email(norm, _mailbox(norm))


def _unwrapped(text: str) -> str:
    bracketed = re.search(r"<([^<>]*)>", text) if "<" in text else None
    if bracketed is not None:
        text = bracketed[1]
    text = text.strip()
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    return text.strip(" \"',;").rstrip(".")


def _is_ordinary(norm: str) -> bool:
    """The usual shape, which needs no library: a test holds it against email-validator."""
    if len(norm) > 100 or _ORDINARY.fullmatch(norm) is None or norm.endswith(_RESERVED):
        return False
    local, _, domain = norm.partition("@")
    return len(local) <= 64 and all(len(label) <= 63 for label in domain.split("."))


def _checked(norm: str) -> str | Refused:
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(norm, check_deliverability=False)
    except EmailNotValidError:
        return Refused("is not an e-mail address")
    return unicodedata.normalize("NFC", f"{found.local_part.lower()}@{found.ascii_domain.lower()}")


def _mailbox(norm: str) -> str:
    local, _, domain = norm.rpartition("@")
    untagged = local.partition("+")[0] or local
    if domain not in _GMAIL:
        return f"{untagged}@{domain}"
    return f"{untagged.replace('.', '') or untagged}@gmail.com"


def item_email(text: str, label: str = "") -> Item:
    found = email(text)
    return _raw_item(text, label) if isinstance(found, Refused) else Item(found.norm, found.norm, label)


def _raw_item(text: str, label: str) -> Item:
    folded = fold(text)
    return Item(f"raw:{folded.casefold()}", folded, label)


# Phone

_PHONE_PREFIX: Final = re.compile(
    r"^(?:tel(?:efon|ephone)?|phone|fon|mobil(?:e|telefon)?|handy|cell|fax|office|work|home|privat|m|t|f)\s*[.:]+\s*", re.IGNORECASE
)
_EXTENSION: Final = re.compile(
    r"\s*[,;(]?\s*(?:;?ext(?:ension)?|durchwahl|nebenstelle|nst|dw|apparat|poste|interno|toestel|anexo|x|#)\s*[.:=]?\s*(\d{1,7})\)?$",
    re.IGNORECASE,
)


@lru_cache(REMEMBER)
def phone(text: str, region: str | None = None) -> Phone | Refused:
    """`region` is the ISO country whose national spelling is meant when no country code is given."""
    number = _PHONE_PREFIX.sub("", unicodedata.normalize("NFKC", fold(text)))
    extension = _EXTENSION.search(number)
    ext = "" if extension is None else extension[1]
    number = number if extension is None else number[: extension.start()]
    reason = _why_no_number(number)
    if reason is not None:
        return Refused(reason)
    found = _dialled(number, region)
    if isinstance(found, Refused) and number.startswith("00"):
        # "0049 ..." is written in countries, too, where one dials another prefix for abroad.
        found = _dialled("+" + number[2:], None)
    return found if isinstance(found, Refused) or ext == "" else Phone(found.e164, ext, found.kind)


def _why_no_number(number: str) -> str | None:
    digits = [sign for sign in number if sign.isdigit()]
    if not digits:
        return "is empty" if number == "" else "has no digits"
    if any(sign.isalpha() for sign in number):
        return "contains words"
    if "," in number or ";" in number:
        return "is more than one number"
    return "is a placeholder" if len(set(digits)) == 1 else None


def _dialled(number: str, region: str | None) -> Phone | Refused:
    import phonenumbers as pn

    try:
        found = pn.parse(number, None if region is None else region.upper())
    except pn.NumberParseException:
        return Refused("is not a phone number" if number.startswith("+") or region is not None else "needs a country")
    kind = pn.number_type(found)
    # New ranges reach the library late, so a number of the right length is enough unless it is a short one.
    if kind == pn.PhoneNumberType.UNKNOWN and (not pn.is_possible_number(found) or len(str(found.national_number)) < 7):
        return Refused("is not a phone number")
    kinds = {pn.PhoneNumberType.MOBILE: "mobile", pn.PhoneNumberType.FIXED_LINE: "fixed"}
    return Phone(pn.format_number(found, pn.PhoneNumberFormat.E164), kind=kinds.get(kind, "other"))


def item_phone(text: str, region: str | None = None, label: str = "") -> Item:
    found = phone(text, region)
    if isinstance(found, Refused):
        return _raw_item(text, label)
    return Item(found.e164 if found.ext == "" else f"{found.e164};ext={found.ext}", str(found), label)


# Names of people

_PARTICLES: Final = frozenset({
    "von", "vom", "van", "de", "der", "den", "des", "del", "della", "di", "da", "do", "dos", "das", "du", "la", "le", "lo", "les",
    "zu", "zum", "zur", "ter", "ten", "te", "op", "af", "av", "bin", "ibn", "ben", "abu",
})  # fmt: skip
_SUFFIXES: Final = frozenset({"jr", "sr", "jun", "sen", "junior", "senior", "ii", "iii", "iv"})
_SALUTATIONS: Final = {
    "herr": "Herr", "hr": "Herr", "herrn": "Herr", "frau": "Frau", "fr": "Frau", "mr": "Mr.", "mister": "Mr.", "mrs": "Mrs.", "ms": "Ms.",
    "miss": "Miss", "mx": "Mx.", "dr": "Dr.", "doctor": "Dr.", "doktor": "Dr.", "prof": "Prof.", "professor": "Prof.", "mme": "Mme",
    "madame": "Mme", "mlle": "Mlle", "monsieur": "M.", "m": "M.", "sr": "Sr.", "señor": "Sr.", "sra": "Sra.", "señora": "Sra.",
    "sig": "Sig.", "signor": "Sig.", "signora": "Sig.ra", "dhr": "Dhr.", "mevr": "Mevr.", "ing": "Ing.", "dipl-ing": "Dipl.-Ing.",
    "mag": "Mag.", "med": "med.",
}  # fmt: skip
_TITLES: Final = frozenset(_SALUTATIONS) - {"m", "fr", "sr", "hr"}  # those alone could as well be an initial or a suffix


@lru_cache(REMEMBER)
def person_name(text: str) -> PersonName | Refused:
    """Splits a name written in one field: "Dr. Hans Müller", "Müller, Hans", "Ludwig van Beethoven"."""
    last, comma, rest = fold(text).partition(",")
    rest = rest.replace(",", " ").strip()
    if comma == "" or _key(rest) in _SUFFIXES:
        titles, words = _without_titles(f"{last} {rest}".split())
        first, last = _split(words)
        return _named(first, last, titles)
    titles, words = _without_titles(rest.split())
    more, surname = _without_titles(last.split())
    return _named(" ".join(words), " ".join(surname), [*titles, *more])


def _named(first: str, last: str, titles: list[str]) -> PersonName | Refused:
    return EMPTY if first == last == "" else PersonName(first, last, " ".join(_SALUTATIONS[_key(title)] for title in titles))


def _key(word: str) -> str:
    return word.casefold().replace(".", "")


def _without_titles(words: list[str]) -> tuple[list[str], list[str]]:
    count = 0
    while count < len(words) and _key(words[count]) in _TITLES:
        count += 1
    return words[:count], words[count:]


def _split(words: list[str]) -> tuple[str, str]:
    """The surname begins at its first particle, else it is the last word; a suffix such as Jr. belongs to it."""
    end = len(words) - 1
    while end > 0 and _key(words[end]) in _SUFFIXES:
        end -= 1
    start = next((at for at in range(1, end) if _key(words[at]) in _PARTICLES), max(end, 0))
    if words and words[0] in _PARTICLES:
        start = 0
    return " ".join(words[:start]), " ".join(words[start:])


@lru_cache(REMEMBER)
def salutation(text: str) -> str | Refused:
    """One spelling per form of address; it is not translated, and an unknown one stays as it is."""
    words = fold(text).split()
    return " ".join(_SALUTATIONS.get(_key(word), word) for word in words) if words else EMPTY


# Companies, places, languages


@lru_cache(REMEMBER)
def company(text: str) -> str | Refused:
    """The name to compare by: lower case, no accents, no legal form at its end, but never nothing at all."""
    words = plain(text).split()
    while (shorter := _without_legal_form(words)) != words:
        words = shorter
    return " ".join(words) if words else EMPTY


def _without_legal_form(words: list[str]) -> list[str]:
    forms = _legal_forms()
    for count in range(min(5, len(words) - 1), 0, -1):
        if tuple(words[-count:]) in forms:
            return _without_and(words[:-count])
    return words


def _without_and(words: list[str]) -> list[str]:
    return words[:-1] if len(words) > 1 and words[-1] in ("and", "und") else words


@cache
def _legal_forms() -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(form.split()) for form in table("companies")["legal_forms"])


@lru_cache(REMEMBER)
def country(text: str) -> str | Refused:
    """ISO 3166-1 alpha-2, from a code or a name in German, English and the usual other languages."""
    if plain(text) == "":
        return EMPTY
    return _lookup("countries").get(plain(text), Refused("is not a country we know"))


@lru_cache(REMEMBER)
def language(text: str) -> str | Refused:
    """A BCP 47 tag in lower case: "Deutsch" and "DE" are de, "de_AT" is de-at."""
    if plain(text) == "":
        return EMPTY
    known = _lookup("languages")
    tag = re.fullmatch(r"([a-z]{2,3})((?:-[a-z0-9]{2,8})+)", fold(text).lower().replace("_", "-"))
    if tag is not None and tag[1] in known:
        return known[tag[1]] + tag[2]
    return known.get(plain(text), Refused("is not a language we know"))


@cache
def _lookup(name: str) -> dict[str, str]:
    names: dict[str, list[str]] = table(name)["names"]
    known = {plain(spelling): code if name == "countries" else code.lower() for code, spellings in names.items() for spelling in spellings}
    return known | {code.lower(): code for code in names}


@lru_cache(REMEMBER)
def website(text: str) -> str | Refused:
    """With scheme, host in lower case, without a lonely slash at the end."""
    text = fold(text)
    if text == "":
        return EMPTY
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return Refused("is not a web address")
    if parts.scheme.lower() not in ("http", "https") or parts.username is not None or not _is_host(host):
        return Refused("is not a web address")
    path = "" if parts.path == "/" else parts.path
    tail = (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
    return f"{parts.scheme.lower()}://{host}{'' if port is None else f':{port}'}{path}{tail}"


def _is_host(host: str) -> bool:
    labels = host.split(".")
    return len(labels) > 1 and all(re.fullmatch(r"[\w-]{1,63}", label) is not None for label in labels) and not labels[-1].isdigit()


@lru_cache(REMEMBER)
def registrable(host: str) -> str | Refused:
    """The part of a host name that somebody registered: "www.firma.co.uk" is firma.co.uk."""
    found = _suffixes()(host.lower().rstrip("."))
    return Refused("is not a registered domain") if found is None else found


@cache
def _suffixes():  # type: ignore[no-untyped-def]  # publicsuffixlist is untyped
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList().privatesuffix


def number(text: str) -> int | Refused:
    """A whole number with German, English, Swiss or blank grouping. A band such as "50-100" is not one number."""
    bare = fold(text).replace("\u2019", "'").replace(" ", "'")
    if bare == "":
        return EMPTY
    found = re.fullmatch(r"([+-]?)([0-9]{1,3}(?:([.,'])[0-9]{3})(?:\3[0-9]{3})*|[0-9]+)(?:[.,]0{1,2})?", bare)
    if found is None:
        return Refused("is not a whole number")
    return int(found[1] + re.sub(r"[.,']", "", found[2]))
