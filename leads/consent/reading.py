"""Reading: events, policies and questions from their JSON form. Every mistake is found before anything is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from leads import normal
from leads.consent.event import (
    ANY,
    BASES,
    CHANNELS,
    RESTRICTIONS,
    SCOPES,
    UNKNOWN,
    Event,
    Interval,
    Kind,
    Provenance,
    Scope,
    event_hash,
)
from leads.consent.policy import PROFILES, Policy, parse, profile
from leads.consent.status import Key, Links
from leads.consent.times import instant, last_moment

EVENT_KEYS: Final = (
    "id",
    "kind",
    "controller",
    "identifier",
    "person",
    "scope",
    "purposes",
    "channels",
    "legal_basis",
    "occurred",
    "clock",
    "observed_at",
    "valid_until",
    "provenance",
    "evidence",
    "refs",
    "notice",
)
NOT_READ: Final = ("event_id", "raw_ref", "grade", "note")  # the hash and the grade are computed, never believed; the others say nothing
KINDS_OF_IDENTIFIER: Final = ("email", "phone", "postal", "social")
OURS: Final = ("lead", "unread")  # what only the ledger knows: a lead without an address, and an address that nobody can read


class ConsentFileWrong(Exception):
    """The file cannot be evaluated; `mistakes` are all of them."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def read_events(rows: Any) -> list[Event]:
    """Events from their JSON form. Raises `ConsentFileWrong` with everything that is wrong."""
    reader = Reader()
    events = list(reader.events(rows))
    if reader.mistakes:
        raise ConsentFileWrong(reader.mistakes)
    return events


def normal_facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """What an event says, in one spelling: two systems that tell of one act give it one hash."""
    identifier = row.get("identifier")
    kind, _, value = identifier.partition(":") if isinstance(identifier, str) else ("", "", "")
    if kind == "email":
        found = normal.email(value)
        identifier = identifier if isinstance(found, normal.Refused) else f"email:{found.norm}"
    lists = {name: sorted(map(str, row[name])) for name in ("purposes", "channels") if isinstance(row.get(name), list)}
    return {name: value for name, value in {**row, **lists, "identifier": identifier}.items() if value is not None}


def _facts_of_copies(row: Mapping[str, Any]) -> dict[str, Any]:
    """What copies of one event have in common, whatever system they come by and however it writes times."""
    facts = normal_facts(row)
    refs, occurred = facts.get("refs"), facts.get("occurred")
    if isinstance(refs, Mapping) and set(refs) <= {"remote"}:
        del facts["refs"]
    if isinstance(occurred, Mapping):
        facts["occurred"] = {name: _plainly(text) for name, text in occurred.items() if text is not None}
    return facts


def _plainly(text: Any) -> Any:
    try:
        return instant(text) if isinstance(text, str) else text
    except ValueError:
        return text


class Reader:
    """Reads parts of a file and remembers every mistake; what is wrong is replaced by something harmless."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []
        self.scopes: Mapping[Kind, Scope] = SCOPES
        self._named: dict[str, str] = {}  # the name of an event by its id or hash

    def wrong(self, where: str, what: str) -> None:
        self.mistakes.append(f"{where}: {what}")

    def moment(self, text: Any, where: str) -> float:
        try:
            return instant(text) if isinstance(text, str) else instant("")
        except ValueError:
            self.wrong(where, "expected a time such as 2026-01-31T12:00:00Z")
            return 0.0

    def policy(self, document: Mapping[str, Any]) -> Policy:
        if "policy" in document and "profile" in document:
            self.wrong("profile", "a file has a policy or a profile, not both")
        if "policy" in document:
            policy, mistakes = parse(document["policy"])
            self.mistakes += mistakes
            self.scopes = policy.scopes
            return policy
        name = document.get("profile", PROFILES[0])
        if name not in PROFILES:
            self.wrong("profile", f"expected {' or '.join(PROFILES)}")
            return Policy()
        return profile(name)

    def links(self, raw: Any) -> Links:
        if not isinstance(raw, Mapping):
            self.wrong("links", "expected a table of identifiers and the persons behind them")
            return {}
        found: dict[str, frozenset[str]] = {}
        for number, (identifier, persons) in enumerate(raw.items(), 1):
            where = f"links entry {number}"
            if not isinstance(persons, list):
                self.wrong(where, "expected a list of persons")
                continue
            for name in set(self.identifier(identifier, where)):
                found[name] = found.get(name, frozenset()) | frozenset(map(str, persons))
        return found

    def identifier(self, raw: Any, where: str) -> tuple[str, str]:
        """The normal form, and the mailbox behind it."""
        kind, _, value = raw.partition(":") if isinstance(raw, str) else ("", "", "")
        if kind in OURS and value.strip() != "":
            return raw, value if kind == "unread" else raw
        if kind not in KINDS_OF_IDENTIFIER or value.strip() == "":
            self.wrong(where, "expected email:ADDRESS or phone:+NUMBER")
            return "", ""
        if kind == "email":
            mail = normal.email(value)
            if isinstance(mail, normal.Refused):
                self.wrong(where, f"the e-mail address {mail.reason}")
                return "", ""
            return f"email:{mail.norm}", f"email:{mail.mailbox}"
        if kind == "phone":
            phone = normal.phone(value)
            if isinstance(phone, normal.Refused):
                self.wrong(where, f"the phone number {phone.reason}")
                return "", ""
            return f"phone:{phone.e164}", f"phone:{phone.e164}"
        text = f"{kind}:{normal.plain(value)}"
        return text, text

    def keys(self, raw: Any) -> Iterator[Key]:
        if not isinstance(raw, list):
            self.wrong("ask", "expected a list of questions")
            return
        for number, row in enumerate(raw, 1):
            where = f"ask {number}"
            if not isinstance(row, Mapping):
                self.wrong(where, "expected an object with identifier, purpose and channel")
                continue
            identifier, mailbox = self.identifier(row.get("identifier"), f"{where}.identifier")
            purpose = row.get("purpose")
            if not isinstance(purpose, str) or purpose in ("", ANY):
                self.wrong(f"{where}.purpose", "expected a purpose such as marketing.newsletter")
            (channel,) = self.channels([row.get("channel")], f"{where}.channel", may_be_any=False)[:1] or [""]
            audience = row.get("audience")
            yield Key(identifier, mailbox, str(purpose), channel, audience if isinstance(audience, str) else None)

    def channels(self, raw: Any, where: str, *, may_be_any: bool) -> list[str]:
        allowed = (*CHANNELS, ANY) if may_be_any else CHANNELS
        if not isinstance(raw, list) or any(channel not in allowed for channel in raw):
            self.wrong(where, f"expected {', '.join(allowed)}")
            return []
        return list(raw)

    # Events

    def events(self, raw: Any) -> Iterator[Event]:
        if not isinstance(raw, list):
            self.wrong("events", "expected a list of events")
            return
        rows = [(f"event {number}", row) for number, row in enumerate(raw, 1)]
        for where, row in rows:
            if not isinstance(row, Mapping):
                self.wrong(where, "expected an object")
        named = [(where, row) for where, row in rows if isinstance(row, Mapping)]
        self._name(named)
        for where, row in named:
            event = self._event(row, where)
            if event is not None:
                yield event

    def _name(self, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """One event may come under several ids: the first of them, in the order of the alphabet, is its name."""
        ids: dict[str, set[str]] = {}
        for where, row in rows:
            id, fingerprint = row.get("id"), event_hash(_facts_of_copies(row))
            if id is not None and not isinstance(id, str):
                self.wrong(f"{where}.id", "expected a text")
            elif id is not None:
                if id in self._named and self._named[id] != fingerprint:
                    self.wrong(f"{where}.id", f"{id} names two different events")
                self._named[id] = fingerprint
                ids.setdefault(fingerprint, set()).add(id)
        names = {fingerprint: min(found) for fingerprint, found in ids.items()}
        self._named = {id: names[fingerprint] for id, fingerprint in self._named.items()} | names

    def _name_of(self, row: Mapping[str, Any]) -> str:
        return self._named.get(event_hash(_facts_of_copies(row))) or event_hash(normal_facts(row))

    def _called(self, ref: Any) -> str:
        return self._named.get(ref, ref) if isinstance(ref, str) else ""

    def _event(self, row: Mapping[str, Any], where: str) -> Event | None:
        before = len(self.mistakes)
        for key in row:
            if key not in (*EVENT_KEYS, *NOT_READ):
                self.wrong(f"{where}.{key}", "is no field of an event")
        kind = self._one_of(row.get("kind"), Kind, f"{where}.kind")
        provenance = self._one_of(row.get("provenance"), Provenance, f"{where}.provenance")
        if kind is None or provenance is None:
            return None
        refs = self._part(row, "refs", where)
        needs_address = kind is not Kind.INVALIDATE
        identifier, mailbox = self.identifier(row.get("identifier"), f"{where}.identifier") if needs_address else ("", "")
        occurred, observed = self._times(row, where)
        basis = "consent" if row.get("legal_basis") is None else row["legal_basis"]
        if basis not in BASES:
            self.wrong(f"{where}.legal_basis", f"expected {', '.join(BASES)}")
        valid = row.get("valid_until")
        event = Event(
            name=self._name_of(row),
            kind=kind,
            identifier=identifier,
            mailbox=mailbox,
            occurred=occurred,
            observed_at=observed,
            provenance=provenance,
            clocks=frozenset() if row.get("clock") is None else frozenset({str(row["clock"])}),
            persons=frozenset() if row.get("person") is None else frozenset({str(row["person"])}),
            scope=self._scope(row, kind, where),
            purposes=self._purposes(row, kind, where),
            channels=self._event_channels(row, kind, where),
            legal_basis=str(basis),
            valid_until=None if valid is None else self.moment(valid, f"{where}.valid_until"),
            evidence=self._evidence(row, where),
            notice=self._part(row, "notice", where),
            request=self._called(refs.get("request")),
            invalidates=self._targets(refs.get("invalidates"), where),
            batch=str(refs["batch"]) if refs.get("batch") is not None else "",
            source=any(refs.get(name) is not None for name in ("import_id", "remote")),
        )
        return event if len(self.mistakes) == before else None

    def _times(self, row: Mapping[str, Any], where: str) -> tuple[Interval, float]:
        """When it happened and when it was seen; what was not seen otherwise was seen when it happened."""
        occurred = self._part(row, "occurred", where)
        seen = row.get("observed_at")
        observed = None if seen is None else self.moment(seen, f"{where}.observed_at")
        if occurred.get("hi") is None and observed is None:
            self.wrong(f"{where}.occurred", "needs hi, the latest moment at which it can have happened, or observed_at beside it")
            return Interval(UNKNOWN, 0.0), 0.0
        hi = self.moment(last_moment(occurred["hi"]), f"{where}.occurred.hi") if occurred.get("hi") is not None else observed or 0.0
        lo = self.moment(occurred["lo"], f"{where}.occurred.lo") if occurred.get("lo") is not None else UNKNOWN
        if lo > hi:
            self.wrong(f"{where}.occurred", "lo is after hi")
        return Interval(lo, hi), hi if observed is None else observed

    def _scope(self, row: Mapping[str, Any], kind: Kind, where: str) -> Scope:
        if row.get("scope") is None:
            return self.scopes[kind]
        found = self._one_of(row["scope"], Scope, f"{where}.scope")
        return Scope.PERSON if found is None else found

    def _purposes(self, row: Mapping[str, Any], kind: Kind, where: str) -> frozenset[str]:
        given = [] if row.get("purposes") is None else row["purposes"]
        if not isinstance(given, list | tuple) or not all(isinstance(one, str) and one != "" for one in given):
            self.wrong(f"{where}.purposes", "expected a list such as marketing.newsletter")
            return frozenset()
        if ANY in given and kind not in RESTRICTIONS:
            self.wrong(f"{where}.purposes", "only a restriction may be about any purpose")
        return self._or_of_request(frozenset(given), "purposes", kind, where)

    def _event_channels(self, row: Mapping[str, Any], kind: Kind, where: str) -> frozenset[str]:
        given = self.channels([] if row.get("channels") is None else row["channels"], f"{where}.channels", may_be_any=kind in RESTRICTIONS)
        return self._or_of_request(frozenset(given), "channels", kind, where)

    def _or_of_request(self, given: frozenset[str], name: str, kind: Kind, where: str) -> frozenset[str]:
        """What is not said: a confirmation means what its request meant, a no means everything."""
        if given or kind in (Kind.INVALIDATE, Kind.BOUNCE, Kind.CONFIRM):
            return given
        if kind in RESTRICTIONS:
            return frozenset({ANY})
        if not any(where in mistake and name in mistake for mistake in self.mistakes):
            self.wrong(f"{where}.{name}", f"a {kind.value} names its {name}")
        return given

    def _targets(self, raw: Any, where: str) -> frozenset[str]:
        listed = [raw] if isinstance(raw, str) else raw if isinstance(raw, list) else [] if raw is None else None
        if listed is None or not all(isinstance(one, str) for one in listed):
            self.wrong(f"{where}.refs.invalidates", "expected the id of an event, or a list of ids")
            return frozenset()
        return frozenset(self._called(one) for one in listed)

    def _evidence(self, row: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        evidence = self._part(row, "evidence", where)
        used = evidence.get("last_used_at")
        return evidence if used is None else {**evidence, "last_used_at": self.moment(used, f"{where}.evidence.last_used_at")}

    def _part(self, row: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
        part = row.get(name)
        if part is None:
            return {}
        if not isinstance(part, Mapping):
            self.wrong(f"{where}.{name}", "expected an object")
            return {}
        return part

    def _one_of(self, raw: Any, choices: Any, where: str) -> Any:
        try:
            return choices(raw)
        except ValueError:
            self.wrong(where, f"expected {', '.join(choice.value for choice in choices)}")
            return None
